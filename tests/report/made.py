"""A small finished study on disk, made up within a second or two: everything that a report is written from."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from regbench.figures.volumes import Batch
from regbench.geometry.images import read_volume
from regbench.records import write_record, write_text
from regbench.study import Study
from regbench.tables.document import Block, Cell, Document
from regbench.tables.formats import html
from regbench.tables.tables import write_tables
from tests.scores.small_pair import GRID, smooth_field, write_pair, write_run
from tests.tables.example import METHODS, study, usual_scores, usual_timings, write_results

EVIL = "<img src=x onerror=alert(1)> & co"
LABELS = {**METHODS, "zeta": replace(METHODS["zeta"], label=EVIL)}
AMPLITUDES = {"identity": 0.0, "syn": 2.0, "dmi": 6.0, "truth": 4.0}  # mm
PAIR = {"pair": "007__NA", "fixed": "007", "moving": "NA"}
TABLE = Document(
    "Made up",
    blocks=[
        Block(
            "Task mono",
            ["Method", "DSC"],
            [
                [Cell("SyN"), Cell("0.90 (0.1)", 0.9, "tied")],
                [Cell("Affine"), Cell("0.12 (0.1)", 0.1234)],
                [Cell("Broken"), Cell("-")],
                [Cell("DMI"), Cell("10.00 (0.1)", 10.0, "best")],
            ],
        )
    ],
    number="Table 1",
)
CLAIM = {
    "id": "c1.dsc", "source": "section IV", "statement": "Ours is faster & better", "published": "0.58", "check": "difference", "ours": "0.6123456",
    "low": "0.55", "high": "0.66", "p": "0.2", "effect": "", "n": "12", "seeds": "1", "verdict": "not testable with these data",
    "reason": "semi-synthetic; here: better", "task": "mono",
}  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A study and where it is."""

    study: Study
    results: Path
    runs: list[Batch]

    def fixed(self) -> np.ndarray:
        """The fixed image of the pair that has fields: (D, H, W) float32 in [0, 1]."""
        return read_volume(self.results / "pair" / "a_image.nii.gz").data


def make_study(results: Path) -> Made:
    """Two tasks with the same images, five methods of which zeta failed on the pair that is shown."""
    tasks = study().tasks
    write_results(
        results,
        [row for task in tasks for row in usual_scores(task)],
        [row for task in tasks for row in usual_timings(task)],
    )
    write_tables(study(), results, LABELS)
    write_text(results / "tables" / "table1.html", html(TABLE))
    pd.DataFrame([CLAIM, CLAIM | {"id": "v1.dsc", "check": "value", "verdict": "holds"}]).to_csv(
        results / "tables" / "claims.csv", index=False
    )
    facts = {"environment": {"host": "box", "libraries": {"torch": "2.0"}}, "code": {"runs": "abc"}}
    write_record(results / "provenance.json", facts | {"study": study().model_dump(mode="json")})
    _write_figures(results / "figures")
    (results / "pair").mkdir()
    pair = write_pair(results / "pair") | {"pair": PAIR["pair"]}
    runs = [run for task in tasks for run in _write_runs(results, task, pair)]
    return Made(study(), results, runs)


def _write_figures(folder: Path) -> None:
    folder.mkdir()
    entries = []
    for name, section in (("mono_pictures", "pictures"), ("mono_speed", "speed")):
        noise = np.random.default_rng(0).integers(0, 255, (300, 1400, 3)).astype(np.uint8)
        Image.fromarray(noise).save(folder / f"{name}.png")
        (folder / f"{name}.svg").write_text(
            '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="90"/>'
        )
        told = {"title": f"The {section}", "caption": f"What {EVIL} did."}
        entries.append(
            {
                "name": name,
                "section": section,
                "task": None,
                "png": f"{name}.png",
                "svg": f"{name}.svg",
                **told,
            }
        )
    write_record(folder / "figures.json", entries)  # pyright: ignore[reportArgumentType]


def _write_runs(results: Path, task: str, pair: dict) -> list[Batch]:
    write_record(results / "prepared" / task / "pairs" / "test_b0.json", {"pairs": [pair]})
    for method in LABELS:
        folder = results / "runs" / task / method / "default" / "r0_b0"
        folder.mkdir(parents=True)
        run = _run(folder, method) | {"task": task, "method": method, **PAIR}
        write_record(folder / f"{PAIR['pair']}.json", run)
        write_record(folder / "batch.json", {"pairs": [PAIR["pair"]]})
    return [(task, method, "default", "r0_b0") for method in LABELS]


def _run(folder: Path, method: str) -> dict:
    if method not in AMPLITUDES:
        log = ["reading", "</script><script>alert(2)</script>", f"failed: {EVIL}"]
        return write_run(folder, None, "error") | {"message": f"exit code 1: {EVIL}", "log_tail": log}
    u = smooth_field(7, AMPLITUDES[method]) if AMPLITUDES[method] else np.zeros((3, *GRID.shape), np.float32)
    return write_run(folder, u)
