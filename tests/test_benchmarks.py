"""What README says of methods is what the files in benchmarks/results hold."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf8")
TABLE = re.findall(r"^\| `(\w+)` \| ([\d.]*) \| ([\d.]*) \| ([\d.]*) \|$", README, re.MULTILINE)


def kept(name: str) -> list[dict]:
    """The rows of a file of results, which was measured whole and from a clean tree."""
    result = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf8"))
    assert not [row for row in result["rows"] if row["failed"] or row["pairs"] != 12]
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


def test_what_the_second_contrast_costs_is_what_was_measured():
    dsc = {(row["task"], row["method"]): f"{row['dsc']:.3f}" for row in kept("accuracy_second")}
    text = README.partition("What two contrasts cost")[2]
    told = re.findall(r"0\.\d{3}", text.partition("\n\n")[0])
    ours = [dsc[task, "dmi_io"] for task in ("mono", "second", "multi")]
    peers = [dsc[task, name] for name in ("greedy", "greedy_nmi") for task in ("mono", "second")]
    assert told == ours + peers
