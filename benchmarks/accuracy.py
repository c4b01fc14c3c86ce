"""Accuracy, folding and time on real scans: DMI-IO beside greedy, SyN and B-spline, all in one study.

usage: python benchmarks/accuracy.py SHARED [--study benchmarks/accuracy.yaml] [--save]

SHARED holds data/malf (T1w scans with manual labels and a split), data/open_ms_multicontrast (T1w and T2w of one head) and
tools/ (second_contrast.py, known_warp.py), which make from them, in results/scans, the multi-modal pairs and those with a
known warp. All ordered test pairs, 20 warps; half an hour on two cores at 2 mm, and as long again for making the scans.
benchmarks/accuracy_1mm.yaml is the mono-modal task alone at 1 mm (twenty minutes).

The last line holds, for DMI-IO and as far as the study has the task: mean DSC above greedy NCC and the lower end of its 95 %
interval (bootstrap over subjects), its steady time over greedy's, the share of the brain that folds in the worst task, the
DSC lost from one contrast to two, the DSC above SyN on two, the DSC lost where the second contrast is on both sides (less to
be seen, but one contrast), and its mean error on known warps over the best of SyN, B-spline and greedy NMI. `--save` writes
benchmarks/results/STUDY.json.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from machine import keep, machine, refuse_failures
from study import beyond, measured, run, table

ROOT = Path(__file__).resolve().parent.parent
SCANS = ROOT / "results" / "scans"
OURS = "dmi_io"
WARPS = range(20)  # seeds, all of the one head, which is a test subject therefore
HEAD = ("subject", "contrast", "image", "labels", "split", "group", "truth")


def main() -> None:
    options = arguments()
    study = yaml.safe_load(options.study.read_text())
    make_scans(study, options.shared.resolve())
    run(options.study)
    results = ROOT / "results" / study["study"]
    refuse_failures(pd.read_csv(results / "scores.csv"))
    rows = measured(results)
    print(table(rows))
    summary = summarise(rows, results)
    if options.save:
        keep(study["study"], machine("cpu", study["threads"]) | beyond(results), rows, summary)
    print(f"{study['study']}: " + " ".join(f"{name}={value:.3g}" for name, value in summary.items()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shared", type=Path)
    parser.add_argument("--study", type=Path, default=ROOT / "benchmarks" / "accuracy.yaml")
    parser.add_argument("--save", action="store_true")
    return parser.parse_args()


def make_scans(study: dict[str, Any], shared: Path) -> None:
    """The scans of the study's datasets, unless they are there, and their tables."""
    for name, make_them in {"malf": second_contrasts, "warped": warped_scans}.items():
        if name in study["datasets"]:
            make_them(shared, SCANS / name)


def second_contrasts(shared: Path, folder: Path) -> None:
    """A T2w-like scan of each T1w scan, and the table of both."""
    data, rows = shared / "data" / "malf", []
    with (data / "splits.csv").open() as file:
        for seed, scan in enumerate(csv.DictReader(file)):
            name = scan["scan"]
            first, labels = data / f"{name}_T1w.nii.gz", data / f"{name}_labels.nii.gz"
            second = folder / f"{name}_T2w.nii.gz"
            make([second], shared / "tools" / "second_contrast.py", first, second, seed)
            for contrast, image in (("T1w", first), ("T2w", second)):
                rows.append((name, contrast, image, labels, scan["split"], scan["person"], ""))
    write_table(folder.with_suffix(".csv"), rows)


def warped_scans(shared: Path, folder: Path) -> None:
    """The T2w scan under one random warp a subject, its truth, and the table of both with the T1w scan."""
    head, rows = shared / "data" / "open_ms_multicontrast", []
    first, second = (head / f"patient07_{contrast}.nii.gz" for contrast in ("T1", "T2"))
    for seed in WARPS:
        name = f"seed{seed:03d}"
        image, truth = (folder / f"{name}_{kind}.nii.gz" for kind in ("T2w", "truth"))
        make([image, truth], shared / "tools" / "known_warp.py", second, image, truth, seed)
        rows.append((name, "T1w", first, "", "test", name, ""))
        rows.append((name, "T2w", image, "", "test", name, truth))
    write_table(folder.with_suffix(".csv"), rows)


def make(outs: list[Path], tool: Path, *words: Any) -> None:
    """Run a tool that writes `outs`, unless they are there; they get their names when all are whole."""
    if all(out.exists() for out in outs):
        return
    print(f"making {outs[0].relative_to(ROOT)}", flush=True)
    outs[0].parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=outs[0].parent) as folder:
        named = {out: Path(folder) / out.name for out in outs}
        command = [sys.executable, tool, *(str(named.get(word, word)) for word in words)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for out, made in named.items():
            made.rename(out)


def write_table(path: Path, rows: list[tuple]) -> None:
    """Only when it changes, so that nothing is done again for its time stamp."""
    text = pd.DataFrame(rows, columns=list(HEAD)).to_csv(index=False)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def summarise(rows: list[dict[str, Any]], folder: Path) -> dict[str, float]:
    """The numbers of the last line."""
    found = {(row["task"], row["method"]): row for row in rows}
    ours = {task: row for (task, method), row in found.items() if method == OURS}
    gain, low = difference(pd.read_csv(folder / "tables" / "comparisons.csv"), "mono", "greedy")
    summary = {
        "mono_gain": gain,
        "mono_gain_low": low,
        "time_ratio": ours["mono"]["seconds"] / found["mono", "greedy"]["seconds"],
        "fold_percent": max(row["folding"] for row in ours.values()),
    }
    if "multi" in ours:
        summary["multi_loss"] = ours["mono"]["dsc"] - ours["multi"]["dsc"]
        summary["multi_gain_syn"] = ours["multi"]["dsc"] - found["multi", "syn"]["dsc"]
    if "second" in ours:
        summary["second_loss"] = ours["mono"]["dsc"] - ours["second"]["dsc"]
    if "warp" in ours:
        peers = [found["warp", name]["error"] for name in ("syn", "bspline", "greedy_nmi")]
        summary["warp_error_ratio"] = ours["warp"]["error"] / min(peers)
    return summary


def difference(comparisons: pd.DataFrame, task: str, peer: str) -> tuple[float, float]:
    """Mean DSC of ours above the peer's over pairs that both have, and the lower end of its interval."""
    rows = comparisons[(comparisons.task == task) & (comparisons.metric == "dsc")]
    forward = rows[(rows.method_a == OURS) & (rows.method_b == peer)]
    backward = rows[(rows.method_a == peer) & (rows.method_b == OURS)]
    if len(forward):
        return float(forward.difference.iloc[0]), float(forward.low.iloc[0])
    return -float(backward.difference.iloc[0]), -float(backward.high.iloc[0])


if __name__ == "__main__":
    main()
