"""What `regbench check` says of the paper's studies before their data are there, and of what is wrong with them."""

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from regbench.check.run import check_plan
from regbench.problems import Problem
from regbench.workflow import Workflow
from tests.data.distributed import BAD, IXI_PEOPLE, lay_ixi, lay_lpba40

STUDIES = Path(__file__).resolve().parents[2] / "workflow" / "studies"


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems(study: Path, level: str = "error") -> dict[str, str]:
    """What is told of each place."""
    found: dict[str, str] = {}
    for problem in check_plan(Workflow.from_file(study), threads=2).problems:
        assert isinstance(problem, Problem)
        if problem.level == level:
            found[problem.where] = found.get(problem.where, "") + f"{problem.what}; {problem.todo}\n"
    return found


@pytest.mark.parametrize("name", ["paper", "paper_tuning"])
def test_without_data_both_datasets_say_where_they_looked_and_how_to_get_them(here, name):
    told = problems(STUDIES / f"{name}.yaml")
    assert told.keys() == {"data/lpba40", "data/ixi"}
    assert "no such folder" in told["data/lpba40"]
    assert "register at https://resource.loni.usc.edu" in told["data/lpba40"]
    assert "`snakemake --cores 1 download_ixi`" in told["data/ixi"]


def test_an_empty_lpba40_folder_ends_the_command_with_code_2_and_what_to_do(here):
    (here / "data" / "lpba40").mkdir(parents=True)
    command = [sys.executable, "-m", "regbench", "check", str(STUDIES / "paper.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=here)
    assert done.returncode == 2
    (line,) = [line for line in done.stdout.splitlines() if "data/lpba40" in line]
    for part in (
        "S01.delineation.skullstripped.img.gz",
        "an empty folder",
        "register at https://resource.loni.usc.edu",
    ):
        assert part in line


@pytest.fixture
def laid(here) -> Path:
    """The paper's study with small data in it, all well."""
    lay_lpba40(here / "data" / "lpba40")
    lay_ixi(here / "data" / "ixi", archives=False)
    study = yaml.safe_load((STUDIES / "paper.yaml").read_text())
    path = here / "study.yaml"
    path.write_text(yaml.safe_dump({**study, "threads": 1, "limits": {"memory_gb": 4}}))
    return path


def test_with_data_there_are_warnings_alone(laid):
    assert problems(laid) == {}
    told = problems(laid, "warning")
    assert f"{BAD} is left out" in told["data/ixi"]
    assert "a training keeps its last step, not its best" in told["tasks.mono"]


def test_voxels_of_analyze_cut_short_are_an_error_at_the_check_not_in_a_job(laid):
    path = next(Path("data/lpba40").rglob("S09.delineation.skullstripped.img.gz"))
    path.write_bytes(path.read_bytes()[:400])
    assert "the file may be cut short" in problems(laid)[str(path)]


def test_analyze_labels_on_another_grid_than_the_image_s_are_an_error(laid):
    folder = next(Path("data/lpba40").rglob("S10"))
    header = folder / "S10.delineation.structure.label.hdr"
    content = bytearray(header.read_bytes())
    content[80:84] = content[84:88]  # another spacing along the first axis
    header.write_bytes(content)
    told = problems(laid)
    assert "lies elsewhere (affine) than" in told[str(folder / "S10.delineation.structure.label.img.gz")]


def test_a_label_that_lpba40_does_not_have_is_an_error_at_the_check_not_in_a_job(laid):
    path = next(Path("data/lpba40").rglob("S02.delineation.structure.label.img.gz"))
    voxels = bytearray(gzip.decompress(path.read_bytes()))
    voxels[voxels.index(21)] = 7
    path.write_bytes(gzip.compress(voxels))
    told = problems(laid)
    assert told.keys() == {str(path)}
    assert "labels 7 are none of the dataset's 56, which go from 21 to 182" in told[str(path)]


def test_one_person_under_two_names_is_a_leak(laid):
    (folder,) = Path("data/lpba40").rglob("S40")
    for path in folder.iterdir():
        shutil.copy(next(Path("data/lpba40").rglob(path.name.replace("S40", "S01"))), path)
    path = folder / "S40.delineation.skullstripped.img.gz"
    assert (
        "of subject S01 (train), here under the name of S40 (test): the split leaks"
        in problems(laid)[str(path)]
    )


def test_a_broken_ixi_image_is_told_by_its_file(laid):
    path = Path("data/ixi/IXI-T2") / f"{IXI_PEOPLE[2]}-T2.nii.gz"
    path.write_bytes(b"")
    assert "the file is empty" in problems(laid)[str(path)]
