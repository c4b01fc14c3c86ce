"""docs/reproduction.md says what benchmarks/results/doubts.json holds, and nothing else."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf8")
KEPT = json.loads((ROOT / "benchmarks" / "results" / "doubts.json").read_text(encoding="utf8"))
spec = importlib.util.spec_from_file_location("doubts_tables", ROOT / "benchmarks" / "doubts_tables.py")
assert spec
assert spec.loader
doubts_tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(doubts_tables)
TABLES = doubts_tables.tables(KEPT["rows"])


def block(name: str) -> str:
    found = re.findall(rf"<!-- doubts: {name} -->\n(.*?)<!-- end -->", DOCUMENT, re.DOTALL)
    assert len(found) == 1, f"{name}: {len(found)} blocks"
    return found[0].strip()


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_the_document_is_that_of_the_measurements(name):
    assert block(name) == TABLES[name]


def test_every_block_of_the_document_is_measured():
    assert set(re.findall(r"<!-- doubts: (\w+) -->", DOCUMENT)) == TABLES.keys()


def test_a_changed_measurement_is_another_table():
    rows = [row | {"gradient_ratio": 2 * row.get("gradient_ratio", 0)} for row in KEPT["rows"]]
    assert doubts_tables.tables(rows)["densities"] != TABLES["densities"]


def test_the_measurements_are_of_a_clean_commit():
    assert KEPT["measured"]["clean"] is True
    assert re.fullmatch("[0-9a-f]{40}", KEPT["measured"]["commit"])


def test_equation_6_as_printed_has_no_information_and_the_sum_over_voxels_has():
    rows = [row for row in KEPT["rows"] if row["doubt"] == "equation"]
    assert max(abs(row["printed"]) for row in rows) < 1e-9
    assert min(row["voxels"] for row in rows) > 0.05


def scored(task: str, method: str) -> dict:
    return next(
        row for row in KEPT["rows"] if (row.get("task"), row.get("method")) == (task, method) and "mi" in row
    )


def test_what_the_document_concludes_from_its_tables_holds():
    affine, bspline, syn, truth = (scored("multi", name) for name in ("identity", "bspline", "syn", "truth"))
    assert bspline["mi"] > truth["mi"] > syn["mi"]
    assert bspline["error"] > affine["error"] / 2
    assert affine["psnr"] > max(row["psnr"] for row in (bspline, syn, truth))
    affine, bspline, truth = (scored("within", name) for name in ("identity", "bspline", "truth"))
    assert bspline["mi"] > truth["mi"] > affine["mi"]
    assert bspline["error"] > affine["error"]
    assert affine["error"] < scored("multi", "identity")["error"] / 2
    alike = [row for row in KEPT["rows"] if row["doubt"] == "ssim" and row["identity_ssim"] > 0.98]
    assert [row["setting"] for row in alike] == ["data range 255 for [0, 1]"]


def test_files_that_the_document_names_are_there():
    named = re.findall(r"`((?:regbench|benchmarks)/[\w/.]+)`", DOCUMENT)
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]
