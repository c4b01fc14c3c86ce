"""Method files: what is found, and how a wrong file is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from regbench.methods.discovery import discover, read_method_file

METHODS = Path(__file__).resolve().parents[2] / "workflow" / "methods"
GOOD = """# A method of mine.
use rule run as mine with:
    wildcard_constraints:
        method="mine",
    params:
        label="Mine (β)",
        command="mytool FIXED MOVING OUT --mode MODE",
        options={
            "mode": "fast",
            "levels": [4, 2, 1],  # coarse to fine
            "weight": -1e-3,
        },
        modalities=["mono"],
        source="Me, \\"params:\\" and all",
"""
CLASS = GOOD.replace('command="mytool FIXED MOVING OUT --mode MODE"', 'python="mine:Mine"')


def write(folder: Path, text: str, name: str = "mine") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.smk"
    path.write_text(text, encoding="utf8")
    return path


def test_a_file_is_read_as_it_is_written(tmp_path):
    method = read_method_file(write(tmp_path, GOOD))
    assert (method.name, method.label, method.python) == ("mine", "Mine (β)", None)
    assert method.options == {"mode": "fast", "levels": [4, 2, 1], "weight": -1e-3}
    assert method.modalities == ("mono",)
    assert method.devices == ("cpu",)
    assert not method.trains
    assert method.source == 'Me, "params:" and all'


def test_a_method_that_trains_runs_on_a_gpu_too_unless_it_says_otherwise(tmp_path):
    trains = CLASS.replace("label=", "trains=True, label=")
    assert read_method_file(write(tmp_path, trains)).devices == ("cpu", "cuda")
    held = trains.replace("label=", 'devices=["cpu"], label=')
    assert read_method_file(write(tmp_path, held)).devices == ("cpu",)


def test_a_command_runs_on_a_gpu_only_where_it_says_so(tmp_path):
    learns = GOOD.replace("label=", 'train="mytool learn PAIRS MODEL", label=')
    method = read_method_file(write(tmp_path, learns))
    assert (method.trains, method.devices) == (True, ("cpu",))
    with pytest.raises(ValueError, match="give the command that trains"):
        read_method_file(write(tmp_path, GOOD.replace("label=", "trains=True, label=")))


def test_a_method_may_run_with_the_models_of_another_that_trains(tmp_path):
    other = CLASS.replace("mine", "other").replace("label=", "trains=True, label=")
    write(tmp_path, other, "other")
    write(tmp_path, CLASS.replace("label=", 'model_of="other", label='))
    methods = discover([tmp_path])
    assert methods["mine"].learned
    assert not methods["mine"].trains
    assert methods["mine"].devices == ("cpu", "cuda")
    write(tmp_path, other.replace("trains=True, ", ""), "other")
    with pytest.raises(ValueError, match=r"mine\.smk: model_of='other': expected a method that trains"):
        discover([tmp_path])


def test_the_papers_methods_are_found_and_have_sources():
    methods = discover([METHODS])
    assert {"identity", "truth", "precomputed", "syn", "bspline"} <= set(methods)
    assert all(method.source for method in methods.values())
    assert methods["precomputed"].missing(methods["precomputed"].options) == ["fields"]
    assert not methods["precomputed"].missing({"fields": "/x/{fixed}_{moving}.nii.gz"})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("as mine", "as other", "mine.smk:2: the rule is called 'other'"),
        ('method="mine"', 'method="other"', "wildcard_constraints"),
        ('"fast"', "FAST", r"mine.smk:8: options is not a literal"),
        ("-1e-3", "-1e-3 if", "mine.smk:11"),
        ("label=", "lable=", "unknown lable"),
        ('label="Mine (β)",', "", "label="),
        ("label=", 'python="a:B", label=', "either python="),
        ('modalities=["mono"]', 'modalities="mono"', "modalities='mono' is a str"),
        ('["mono"]', '["monomodal"]', "monomodal"),
        ("label=", 'venv="a", conda="b", label=', "expected one of venv and conda, not both"),
        ("label=", 'venv="a", trains=True, label=', "a class is trained in regbench's environment"),
        ("use rule run", "use rule runs", "expected `use rule run as NAME with:`"),
        ("    params:", "    input:", "no `params:`"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_line(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(ValueError, match=r"mine\.smk") as error:
        read_method_file(write(tmp_path, GOOD.replace(old, new)))
    assert message in str(error.value)


def test_settings_to_choose_from_stand_above_the_rule(tmp_path):
    above = 'TUNING = [\n    {"mode": "slow"},\n    {"weight": 1.0, "levels": [2, 1]},\n]\n\n\n'
    method = read_method_file(write(tmp_path, above + GOOD))
    assert method.tuning == ({"mode": "slow"}, {"weight": 1.0, "levels": [2, 1]})
    assert read_method_file(write(tmp_path, GOOD)).tuning == ()


@pytest.mark.parametrize(
    ("above", "message"),
    [
        (
            'TUNING = [\n    {"mode": "slow"},\n    {"mod": "slow"},\n]',
            "mine.smk:3: TUNING sets 'mod' (did you mean 'mode'?)",
        ),
        ("TUNING = [{}]", "mine.smk:1: expected `TUNING = [{"),
        ('TUNING = {"mode": "slow"}', "mine.smk:1: expected `TUNING = [{"),
        ("TUNING = [dict(mode=1)]", "mine.smk: TUNING: "),
        ("TUNING: list = []", "mine.smk: TUNING: not assigned"),
    ],
)
def test_wrong_settings_to_choose_from_are_refused_by_file_and_line(tmp_path, above, message):
    with pytest.raises(ValueError, match=r"mine\.smk") as error:
        read_method_file(write(tmp_path, f"{above}\n{GOOD}"))
    assert message in str(error.value)


def test_every_method_that_is_compared_has_the_same_number_of_settings():
    methods = discover([METHODS, METHODS.with_name("peers")])
    compared = {name for name, method in methods.items() if method.timed and not method.control}
    assert {"bspline", "syn", "dmi", "dmi_fast", "dmi_fast_io", "dmi_io", "voxelmorph", "greedy"} < compared
    assert {len(methods[name].tuning) for name in compared} == {4}
    assert not any(methods[name].tuning for name in methods.keys() - compared)
    for method in methods.values():
        assert all({**method.options, **setting} != method.options for setting in method.tuning)


def test_two_methods_of_one_name_are_refused(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        write(folder, GOOD)
    with pytest.raises(ValueError, match=r"b/mine.smk.*already in .*a/mine.smk"):
        discover(folders)


def test_no_method_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no method"):
        discover([tmp_path])
    with pytest.raises(ValueError, match="no such folder"):
        discover([tmp_path / "absent"])


def test_finding_methods_loads_none_of_them():
    code = "import sys; from regbench.methods.discovery import discover; from pathlib import Path\n"
    code += "discover([Path(sys.argv[1])]); print([m for m in ('torch', 'ants', 'itk', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, METHODS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "beside", "why"),
    [
        ("train", False, "a rule"),
        ("a__b", False, "single _"),
        ("itk", True, "a Python module"),
        ("itk", False, None),
    ],
)
def test_a_name_that_would_break_the_workflow_or_other_methods_is_refused(name, beside, why, tmp_path):
    path = write(tmp_path, GOOD.replace("mine", name), name)
    if beside:
        path.with_suffix(".py").touch()
    if why is None:
        assert read_method_file(path).name == name
        return
    with pytest.raises(ValueError, match=rf"{name}\.smk: '{name}': .*{why}"):
        read_method_file(path)
