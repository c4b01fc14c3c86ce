"""A small set of a study's tables for version control: `regbench reference`, which fills results/reference."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from regbench.problems import Problem, Problems
from regbench.records import read_record, whole_folder, write_record, write_text

LARGEST, ALL_MOST = 1_000_000, 1_000_000  # bytes of one file, and of all
TEXTS = (".md", ".csv", ".tex", ".html")
TITLE = ": reference results"
NEEDED = ("provenance.json", "scores.csv", "timings.csv", "tables")
README = """# {study}{title}

{description}

Made by

```
{command}
```

from `results/{study}`, of which these are the tables, the scores of whole images (those of each label are left out), all
times and the provenance. Not edited by hand: the same command after another run writes them anew.

| | |
|---|---|
| machine | {machine} |
| processor | {cpu}, {cores} cores, {memory_gb} GB |
| graphics card | {gpu} |
| Python, libraries | {python}; {libraries} |
| code | {commits} |
| finished | {finished} |

To see whether your installation gives the same: run the study, then compare `results/{study}/tables` with the tables here.
Times are this machine's own; `regbench merge` says which scores two machines do not share.

Files: {files}.
"""


def write_reference(results: Path, out: Path, machine: str) -> list[Path]:
    """Write the reference set of results/STUDY to the folder `out`, whole, and return its files, README.md among them.

    machine: what the host is called there, in words. Raises Problems: an unfinished study, one of several machines or of code
    that was changed and not committed, files too large for version control, another folder in place of an earlier set.
    """
    _refuse_place(results, out)
    provenance, rows = read_record(results / "provenance.json"), _rows(results / "timings.csv")
    commits = _commits(results, provenance, rows)
    host = _host(results, provenance, rows)
    texts = {f"tables/{path.name}": path.read_text(encoding="utf8") for path in _tables(results)}
    texts = {name: text.replace(f"({host})", f"({machine})") for name, text in texts.items()}
    texts["scores.csv"] = _csv(row for row in _rows(results / "scores.csv") if not row["label"])
    texts["timings.csv"] = _csv({**row, "host": machine if row["host"] else ""} for row in rows)
    provenance["environment"]["host"] = machine
    texts["README.md"] = _readme(results, provenance, machine, commits, sorted([*texts, "provenance.json"]))
    _refuse_large({name: len(text.encode()) for name, text in texts.items()})
    with whole_folder(out) as part:
        for name, text in texts.items():
            write_text(part / name, text)
        write_record(part / "provenance.json", provenance)
    return sorted(path for path in out.rglob("*") if path.is_file())


def _refuse_place(results: Path, out: Path) -> None:
    problems = []
    if missing := [name for name in NEEDED if not (results / name).exists()]:
        what = f"no finished study: {', '.join(missing)} missing"
        problems.append(Problem(str(results), what, "give results/STUDY after `snakemake` has ended"))
    page = out / "README.md"
    if out.exists() and not (page.is_file() and TITLE in page.read_text(encoding="utf8").partition("\n")[0]):
        what = "is there, and was not made by `regbench reference`"
        problems.append(Problem(str(out), what, "give another folder"))
    if problems:
        raise Problems(problems, "no reference set")


def _host(results: Path, provenance: dict[str, Any], rows: list[dict[str, str]]) -> str:
    """The one machine that everything was measured on; Problems where there are several."""
    hosts = {row["host"] for row in rows if row["host"]} | {str(provenance["environment"]["host"])}
    if len(hosts) > 1:
        what = f"of several machines ({', '.join(sorted(hosts))}), and a reference set is of one"
        raise Problems([Problem(str(results), what, "give the study of one of them")], "no reference set")
    return hosts.pop()


def _commits(results: Path, provenance: dict[str, Any], rows: list[dict[str, str]]) -> list[str]:
    """The commits that the study's numbers are of; Problems where one was of changed code or of no repository."""
    environment = provenance["environment"]
    places = {(row["commit"], row["clean"]) for row in rows}
    places.add((environment.get("commit") or "", str(environment.get("clean"))))
    if any(not commit or clean != "True" for commit, clean in places):
        what = "some of it was run on code that is in no commit (columns commit and clean of timings.csv, provenance.json)"
        todo = "commit all changes, delete results/STUDY and run the study from a clone"
        raise Problems([Problem(str(results), what, todo)], "no reference set")
    return sorted({commit for commit, _ in places})


def _tables(results: Path) -> list[Path]:
    return sorted(path for path in (results / "tables").iterdir() if path.suffix in TEXTS)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf8", newline="") as file:
        return list(csv.DictReader(file))


def _csv(rows: Iterable[dict[str, str]]) -> str:
    rows, text = list(rows), io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _readme(
    results: Path, provenance: dict[str, Any], machine: str, commits: list[str], files: list[str]
) -> str:
    study, environment = provenance["study"], provenance["environment"]
    libraries = ", ".join(
        f"{name} {version}" for name, version in environment["libraries"].items() if version
    )
    finished = [read_record(path).get("finished") or "" for path in results.glob("runs/*/*/*/*/*__*.json")]
    return README.format(
        study=study["study"],
        title=TITLE,
        description=study["description"].strip(),
        command=f'regbench reference results/{study["study"]} --machine "{machine}"',
        machine=machine,
        **{name: environment[name] for name in ("cpu", "cores", "memory_gb", "python")},
        gpu=environment["gpu"] or "none",
        libraries=libraries,
        commits=", ".join(commits),
        finished=max(finished, default="")[:10] or "not known",
        files=", ".join(f"`{name}`" for name in files),
    )


def _refuse_large(sizes: dict[str, int]) -> None:
    large = [
        Problem(name, f"{size / 1e6:.1f} MB", f"expected at most {LARGEST / 1e6:g} MB")
        for name, size in sizes.items()
        if size > LARGEST
    ]
    if sum(sizes.values()) > ALL_MOST:
        what = f"{sum(sizes.values()) / 1e6:.1f} MB, expected at most {ALL_MOST / 1e6:g} MB"
        large.append(Problem("all files", what, "take a study of fewer pairs or methods"))
    if large:
        raise Problems(large, "too large for version control")
