import numpy as np

from regbench.records import write_record
from regbench.scores.score import score_batch
from regbench.study import ScoreSettings
from regbench.tables.gather import gather_scores, gather_timings
from regbench.tables.tables import write_tables
from tests.scores.small_pair import GRID, smooth_field, write_pair, write_run
from tests.tables.example import METHODS, study


def test_what_scoring_writes_becomes_a_table_with_its_gap(tmp_path):
    """Identity, truth and a failure on one pair, from fields to Markdown, and nothing but one pair to go by."""
    write_record(tmp_path / "test_b0.json", {"pairs": [write_pair(tmp_path)]})
    fields = {"identity": np.zeros((3, *GRID.shape), np.float32), "truth": smooth_field(7, 4.0), "syn": None}
    files = []
    for method, u in fields.items():
        runs = tmp_path / "runs/mono" / method / "default/r0_b0"
        runs.mkdir(parents=True)
        record = write_run(runs, u, "ok" if u is not None else "timeout")
        write_record(runs / "a__b.json", record | {"method": method})
        files.append(tmp_path / f"{method}.csv")
        score_batch(tmp_path / "test_b0.json", runs, files[-1], ScoreSettings())
    gather_scores(files, tmp_path / "scores.csv")
    gather_timings([], [], tmp_path / "timings.csv")
    write_tables(study(), tmp_path, METHODS)
    lines = (tmp_path / "tables/table1.md").read_text().splitlines()
    assert next(line for line in lines if line.startswith("| SyN ")).split("|")[-3:-1] == [
        "   0 ",
        "      1 ",
    ]
    assert any("SyN: 1 timeout" in line for line in lines)
    assert next(line for line in lines if line.startswith("| Truth ") and " 0.00 " in line)
