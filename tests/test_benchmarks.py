"""What README says of methods is what the files in benchmarks/results hold, and their studies can start."""

import importlib
import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from regbench.check.files import check_files
from regbench.workflow import Workflow

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf8")
PAIRS = {"warp": 20}  # of tasks that have others than the twelve ordered pairs of four people
TABLE = re.findall(r"^\| `(\w+)` \| ([\d.]*) \| ([\d.]*) \| ([\d.]*) \|$", README, re.MULTILINE)


def kept(name: str) -> list[dict]:
    """The rows of a file of results, which was measured whole and from a clean tree."""
    result = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf8"))
    assert not [row for row in result["rows"] if row["failed"] or row["pairs"] != PAIRS.get(row["task"], 12)]
    assert result["measured"]["clean"] is True
    return result["rows"]


def test_every_method_that_was_measured_has_its_numbers_and_the_best_stands_first():
    rows = {(row["task"], row["method"]): row for row in kept("peers_real")}
    assert {name for name, *_ in TABLE} == {name for _, name in rows}
    for name, mono, multi, seconds in TABLE:
        one, two = rows.get(("mono", name)), rows.get(("multi", name))
        assert mono == (f"{one['dsc']:.3f}" if one else "")
        assert multi == (f"{two['dsc']:.3f}" if two else "")
        assert name == "identity" or seconds == f"{(one or two)['seconds']:.2g}"
    ranked = [float(mono) for _, mono, _, _ in TABLE if mono]
    assert ranked == sorted(ranked, reverse=True)


def test_what_is_said_beside_the_table_holds():
    elsewhere = {
        "identity": 0.413, "syn": 0.516, "convexadam": 0.535, "syn_cc": 0.555, "greedy_nmi": 0.567, "greedy": 0.602,
    }  # fmt: skip
    rows = kept("peers_real")
    here = {row["method"]: row["dsc"] for row in rows if row["task"] == "mono" and row["method"] in elsewhere}
    assert max(abs(here[name] - dsc) for name, dsc in elsewhere.items()) < 0.0165
    order = sorted(here, key=lambda name: here[name])
    assert order == ["identity", "syn", "convexadam", "greedy_nmi", "syn_cc", "greedy"]
    assert {row["method"] for row in rows if row["folding"] > 0} == {"dmi", "bspline"}


def test_the_errors_on_the_phantom_are_those_that_were_measured():
    errors = {(row["task"], row["method"]): f"{row['error']:.2f}" for row in kept("peers")}
    text = README.partition("On the phantom, where the true")[2]
    mono, _, multi = text.partition("## Licence")[0].partition("of two contrasts")
    for task, told in (("mono", mono), ("multi", multi)):
        named = re.findall(r"([\d.]+)\s+with\s+`(\w+)`", told)
        assert len(named) > 5
        assert [error for error, _ in named] == [errors[task, method] for _, method in named]
        assert f"{errors[task, 'identity']} mm" in told
    assert f"worse there: {errors['multi', 'voxelmorph_ncc']}" in multi


def test_what_two_contrasts_cost_is_what_was_measured():
    rows = kept("accuracy")
    dsc = {(row["task"], row["method"]): f"{row['dsc']:.3f}" for row in rows if row["dsc"]}
    text = README.partition("What two contrasts cost")[2].partition("\n\n")[0]
    told = re.findall(r"0\.\d{3}", text)
    ours = [dsc[task, "dmi_io"] for task in ("mono", "second", "multi")]
    peers = [dsc[task, name] for name in ("greedy", "greedy_nmi") for task in ("mono", "second")]
    assert told == ours + peers
    errors = {row["method"]: f"{row['error']:.2f}" for row in rows if row["task"] == "warp"}
    order = ("identity", "syn", "greedy_nmi", "bspline", "dmi_io")
    assert re.findall(r"\d\.\d\d\b", text) == [errors[name] for name in order]


def test_how_much_faster_compiled_loops_are_is_what_was_measured():
    result = json.loads((ROOT / "benchmarks" / "results" / "kernels_cpu.json").read_text(encoding="utf8"))
    assert result["measured"]["clean"] is True
    told = re.findall(r"\d\.\d", README.partition("kernels_cpu.json")[2].partition("\n\n")[0])
    assert told == [f"{row['torch_seconds'] / row['seconds']:.1f}" for row in result["rows"]]


ON_REAL_SCANS = [path for path in ROOT.glob("benchmarks/*.yaml") if "results/scans" in path.read_text()]


@pytest.mark.parametrize("study", ON_REAL_SCANS, ids=lambda path: path.stem)
def test_the_check_of_a_study_finds_no_fault_in_the_scans_made_for_it(study, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    accuracy = importlib.import_module("accuracy")
    monkeypatch.setattr(accuracy, "make", lambda outs, *_: [scan(out) for out in outs])
    monkeypatch.setattr(accuracy, "SCANS", tmp_path)
    lay_out(tmp_path / "shared" / "data")
    raw = yaml.safe_load(study.read_text())
    accuracy.make_scans(raw, tmp_path / "shared")
    for dataset in raw["datasets"].values():
        dataset["path"] = str(tmp_path / Path(dataset["path"]).name)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(raw))
    found = check_files(Workflow.from_file(tmp_path / "study.yaml", tmp_path / "results"), threads=2)
    assert not [problem for problem in found.problems if problem.level == "error"]
    assert found.read >= 3 * 10  # two contrasts and labels of ten people


def lay_out(data: Path) -> None:
    """Files named as those that the studies are run on."""
    people = {"train": 3, "val": 3, "test": 4}
    rows = [f"{split}{n},{split}{n},{split}" for split, count in people.items() for n in range(count)]
    for row in rows:
        scan(data / "malf" / f"{row.partition(',')[0]}_T1w.nii.gz")
        scan(data / "malf" / f"{row.partition(',')[0]}_labels.nii.gz", np.uint8)
    (data / "malf" / "splits.csv").write_text("\n".join(["scan,person,split", *rows]) + "\n")
    for contrast in ("T1", "T2"):
        scan(data / "open_ms_multicontrast" / f"patient07_{contrast}.nii.gz")


def scan(path: Path, kind: type = np.float32) -> None:
    """Noise in a box, other noise for each name; a displacement field where the name says truth."""
    noise = np.random.default_rng(list(path.name.encode())).integers(1, 200, (12, 12, 12)).astype(kind)
    data = np.pad(noise, 2)
    if field := "truth" in path.name:
        data = np.stack([data] * 3, axis=-1)[:, :, :, None]
    image = nib.Nifti1Image(data, np.diag([2.0, 2.0, 2.0, 1.0]))
    image.header.set_intent("vector" if field else "none")
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
