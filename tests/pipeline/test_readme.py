"""README, word by word: its two-subject study is valid as printed and runs on a coarser grid, every command in it works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from regbench.geometry.grid import Grid
from regbench.geometry.images import write_volume
from regbench.geometry.landmarks import Landmarks, write_landmarks
from regbench.study import parse_study

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PARTS = ("Snakefile", "Makefile", "config.yaml", "environment.yml", "requirements.lock", "pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "workflow", "regbench", "profiles", "benchmarks")  # fmt: skip
# Commands that other tests run whole, or that need what is not here, are run as far as they can be.
INSTEAD = {
    "make demo": "make -n demo",
    "make test": "make -n test",
    "regbench show results/demo": "regbench show --help",
    "regbench report results/demo": "regbench report --help",
    "regbench show results/smoke": "regbench show results/mine",
    "regbench merge gpu/results/demo cpu/results/demo -o results/merged": "regbench merge --help",
    "snakemake --cores all --configfile workflow/studies/smoke.yaml": "snakemake -n --cores all --configfile workflow/studies/smoke.yaml",
    "snakemake tables --cores all --configfile workflow/studies/smoke.yaml": "snakemake tables -n --cores all --configfile workflow/studies/smoke.yaml",
    "snakemake paper_tables --cores all --configfile workflow/studies/smoke.yaml": "snakemake paper_tables -n --cores all --configfile workflow/studies/smoke.yaml",
    "regbench claims smoke": "regbench claims mine",
    "snakemake --cores all --configfile workflow/studies/ablation.yaml": "snakemake -n --cores all --configfile workflow/studies/ablation.yaml",
    "snakemake --cores 1 download_ixi": "snakemake -n --cores 1 download_ixi --configfile workflow/studies/paper.yaml",  # whose data are not there
    "regbench check workflow/studies/paper.yaml": "regbench check workflow/studies/paper.yaml | grep -q download_ixi",
    "regbench estimate workflow/studies/paper.yaml": "regbench estimate workflow/studies/paper.yaml 2>&1 | grep -q download_ixi",
    "snakemake --cores all --configfile workflow/studies/paper.yaml": "regbench list datasets",
    "pip install -c requirements.lock snakemake-executor-plugin-slurm": "test -s requirements.lock",
    "snakemake --profile profiles/slurm --configfile mine.yaml": "snakemake -n --profile profiles/slurm --executor local --configfile mine.yaml",
}
# README's study registers whole heads at 2 mm and times two steady calls; here an eighth of the voxels and one call.
ONCE = "timing: {repetitions: 1}\n"
FINE, COARSE = "{spacing: [2, 2, 2], shape: [88, 112, 88]}", "{spacing: [4, 4, 4], shape: [44, 56, 44]}"


def blocks(kind: str) -> list[str]:
    every = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [text for language, text in every if language == kind]


def commands() -> list[str]:
    """The lines of all blocks of commands, without their comments."""
    lines = [line.partition("  #")[0].strip() for block in blocks("") for line in block.splitlines()]
    return [line for line in lines if re.match(r"(make|regbench|snakemake|python|pip) ", line)]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """A copy of the repository with the files that README names: two scans, and the study of two subjects."""
    folder = tmp_path_factory.mktemp("readme")
    copy_of_the_repository(folder)
    for name, shift in (("fixed", 0.0), ("moving", 4.0)):
        head(folder / f"{name}.nii.gz", folder / f"{name}_labels.nii.gz", shift)
    for name, shift in (("anna", 0.0), ("ben", -5.0)):
        head(folder / f"{name}_T1w.nii.gz", folder / f"{name}_labels.nii.gz", shift)
    write_landmarks(folder / "fixed_points.csv", Landmarks(np.zeros((3, 1)), ["middle"]))
    (folder / "scans.csv").write_text(blocks("csv")[0])
    study = next(block for block in blocks("yaml") if block.startswith("study: "))
    parse_study(yaml.safe_load(study), "README.md")
    assert FINE in study
    (folder / "mine.yaml").write_text(study.replace(FINE, COARSE) + ONCE)
    return folder


def copy_of_the_repository(folder: Path) -> None:
    """Its parts in `folder`, with links as links."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, symlinks=True)
        else:
            shutil.copy(ROOT / part, folder / part)


def head(image: Path, labels: Path, shift: float) -> None:
    """An ellipsoid with structures in it, moved by `shift` mm, on a grid of 3 mm."""
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = -1.5 * (np.array([56, 66, 52]) - 1)
    grid = Grid((56, 66, 52), affine)
    x, y, z = grid.points() / 62
    x = x + shift / 62
    inside = np.clip(8 * (1 - x**2 - (y / 1.2) ** 2 - z**2), 0, 1)
    texture = 0.5 + 0.25 * np.sin(7 * x + 1) * np.cos(6 * y) + 0.2 * np.sin(8 * z - x)
    data = (900 * inside * texture).astype(np.float32)
    write_volume(image, data, grid)
    write_volume(labels, np.digitize(data, [150, 400, 600]).astype(np.int16), grid)


def run_there(command: str, workspace: Path) -> str:
    """What a command prints in the workspace, where it must end well."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(workspace),
        "REGBENCH_LOCK": str(workspace / "machine.lock"),
    }
    done = subprocess.run(
        ["bash", "-c", command], cwd=workspace, env=environment, capture_output=True, text=True, timeout=1700
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.parametrize("command", commands())
def test_every_command_works_as_it_stands(command, workspace):
    command = INSTEAD.get(command, command)
    run_there(command + (" --help" if command.startswith("python benchmarks/") else ""), workspace)


def test_the_method_that_readme_makes_is_in_the_next_study(workspace):
    """That it comes to its row is seen in the smoke study's own tests, which run it."""
    said = run_there("snakemake -n --quiet host --configfile workflow/studies/smoke.yaml", workspace)
    assert re.search(r"^mine +4$", said, re.MULTILINE), said


def test_the_two_subjects_of_readme_come_to_their_table(workspace):
    table = (workspace / "results" / "mine" / "tables" / "table1.md").read_text()
    for label in ("Affine", "SyN", "B-spline", "DMI-IO"):
        assert re.search(rf"^\| {label} .*\| +2 \| +0 \|$", table, re.MULTILINE), table


def test_every_study_and_file_that_readme_names_is_there():
    named = re.findall(r"`((?:workflow|regbench|benchmarks|profiles)/[\w/.]+)`", README)
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]
