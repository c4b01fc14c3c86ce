"""Run a study and print, or keep, a row of numbers for each task, method and variant.

usage: python benchmarks/study.py STUDY.yaml [--save]

`snakemake` goes on where it was, so a study that is finished is only read. `--save` writes benchmarks/results/STUDY.json.
"""

import argparse
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from machine import keep, machine

ROOT = Path(__file__).resolve().parent.parent
ROW = ["task", "method", "variant"]
METRICS = ("dsc", "hd95", "error", "folding", "sdlogj")


def main() -> None:
    options = arguments()
    study = yaml.safe_load(options.study.read_text())
    run(options.study)
    rows = measured(ROOT / "results" / study["study"])
    print(table(rows))
    if options.save:
        where = machine("cpu", study["threads"]) | beyond(ROOT / "results" / study["study"])
        keep(study["study"], where, rows, {})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("--save", action="store_true")
    return parser.parse_args()


def run(study: Path) -> None:
    """The pipeline on a study file, from the repository's root."""
    command = ["snakemake", "--cores", "all", "--quiet", "rules", "--configfile", str(study.resolve())]
    subprocess.run(command, cwd=ROOT, check=True)


def measured(folder: Path) -> list[dict[str, Any]]:
    """For each task, method and variant of results/STUDY: pairs with scores and failed runs, mean DSC or error, folding,
    mean steady seconds a pair, peak memory, seconds of training (of the first seed)."""
    scores = pd.read_csv(folder / "scores.csv", dtype={"fixed": str, "moving": str})
    whole = scores[scores.label.isna()]
    good = whole[whole.status == "ok"]
    means = good.pivot_table(index=ROW, columns="metric", values="value", sort=False)
    pairs = good[good.metric == "folding"].groupby(ROW).size()
    bad = whole[whole.status != "ok"].drop_duplicates([*ROW, "fixed", "moving", "repetition"])
    failed = bad.groupby(ROW).size()
    timings = pd.read_csv(folder / "timings.csv")
    steady = timings[timings.phase.isin(["compute", "total"]) & (timings.cold.astype(str) == "False")]
    seconds, memory = steady.groupby(ROW).seconds.mean(), steady.groupby(ROW).peak_memory_mb.max()
    training = timings[timings.phase == "train"].groupby(ROW).seconds.first()
    nan = float("nan")
    return [
        {
            **dict(zip(ROW, names, strict=True)),
            "pairs": int(pairs[names]),
            "failed": int(failed.get(names, 0)),
            **{name: float(row[name]) for name in METRICS if name in row},
            "seconds": float(seconds.get(names, nan)),
            "memory_mb": float(memory.get(names, nan)),
            "training_seconds": float(training.get(names, nan)),
        }
        for names, row in means.iterrows()
    ]


def beyond(folder: Path) -> dict[str, Any]:
    """The packages, or the environment, that each method of results/STUDY was timed with beyond the core's libraries."""
    timings = pd.read_csv(folder / "timings.csv", keep_default_na=False)
    own = timings[timings.own_environment != ""].groupby("method").own_environment
    return {"methods": {method: "; ".join(values.unique()) for method, values in own}}


def table(rows: list[dict[str, Any]]) -> str:
    return pd.DataFrame(rows).to_string(index=False, float_format=lambda x: f"{x:.4g}")


if __name__ == "__main__":
    main()
