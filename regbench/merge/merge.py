"""`regbench merge`: studies run on several machines become one folder with one set of tables."""

import shutil
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from regbench import PIPELINE
from regbench.merge.differences import Difference, differences
from regbench.merge.rows import join_scores, join_timings, unlike_scores
from regbench.merge.sources import Source, read_sources
from regbench.methods.discovery import MethodFile, discover
from regbench.plan import METHODS
from regbench.problems import Problem, Problems, collected
from regbench.provenance import environment
from regbench.records import whole_folder, write_record, write_text
from regbench.study import Study, parse_study
from regbench.tables.tables import write_tables
from regbench.workflow import MERGED

MOST = 20  # differences that are told one by one
HEADING = "these studies differ, so their rows do not belong in one table"
Found = list[tuple[Source, Source, Difference]]


def merge_studies(folders: Sequence[Path], out: Path, accepted: Sequence[str] = ()) -> list[str]:
    """Join `folders`, results/STUDY of several machines, into `out`; what there is to say about it, in lines.

    The merged study has every task, method, variant and run that one of them has; of what several have, the first one's
    scores, and everybody's times. It is called after `out`'s last name. `accepted`: keys of differences (or what they
    begin with, up to a dot) that do not keep studies apart. `out` appears whole or not at all, in place of an earlier
    merge; `folders` are only read.

    Raises Problems: folders that are no finished studies, differences that matter, method files that are not here.
    """
    sources = read_sources(folders)
    _refuse_place(out, sources)
    found: Found = [
        (a, b, each)
        for a, b in combinations(sources, 2)
        for each in [*differences(a, b), *unlike_scores(a, b)]
    ]
    matter = [each for each in found if each[2].matters]
    taken = [each for each in matter if _is_accepted(each[2].key, accepted)]
    if refused := [_problem(*each) for each in matter if each not in taken]:
        more = [Problem(f"{len(refused) - MOST} more", "not told here")] * (len(refused) > MOST)
        raise Problems([*refused[:MOST], *more], HEADING)
    timings, renamed = join_timings(sources)
    noted = [f"{d.key}: {d.told(a, b)}" for a, b, d in found if not d.matters] + renamed
    lines = [
        f"accepted, {sources[0].folder} counts where it has it: {d.key}: {d.told(a, b)}" for a, b, d in taken
    ]
    used = [name for name in dict.fromkeys(accepted) if any(_is_accepted(d.key, [name]) for _, _, d in taken)]
    study = _merged(sources, out.name, used)
    methods = _methods(study, sources)
    with whole_folder(out) as part:
        write_text(part / "study.json", study.model_dump_json(indent=1) + "\n")
        write_text(part / "scores.csv", join_scores(sources).to_csv(index=False))
        write_text(part / "timings.csv", timings.to_csv(index=False))
        _copy_records(sources, part)
        write_record(part / "provenance.json", _provenance(study, sources))
        write_record(
            part / MERGED, {"sources": [_source(s) for s in sources], "accepted": lines, "noted": noted}
        )
        write_tables(study, part, methods)
    return [*lines, *(f"noted, changes no number: {line}" for line in noted)]


def _refuse_place(out: Path, sources: list[Source]) -> None:
    problems = []
    if out.exists() and not (out / MERGED).is_file():
        what = "is there, and was not made by `regbench merge`"
        problems.append(Problem(str(out), what, "give another folder, such as results/merged"))
    if any(source.folder.resolve() in out.resolve().parents for source in sources):
        problems.append(Problem(str(out), "lies in a study that is merged", "give a folder outside"))
    if problems:
        raise Problems(problems, "no place for the merged study")


def _is_accepted(key: str, accepted: Sequence[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in accepted)


def _problem(a: Source, b: Source, difference: Difference) -> Problem:
    key = difference.key
    return Problem(key, difference.told(a, b), f"run them alike, or accept it with --allow-different {key}")


def _merged(sources: list[Source], name: str, accepted: list[str]) -> Study:
    """The first study with all that the others add."""
    studies = [source.study.model_dump(mode="json") for source in sources]
    merged = {**studies[0], "study": name, "method_folders": _method_folders(sources)}
    for part in ("datasets", "tasks", "methods"):
        merged[part] = {key: value for study in reversed(studies) for key, value in study[part].items()}
    for task, settings in merged["tasks"].items():
        lists = [study["tasks"][task]["methods"] for study in studies if task in study["tasks"]]
        settings["methods"] = (
            None if None in lists else list(dict.fromkeys(m for each in lists for m in each))
        )
    for method, settings in merged["methods"].items():
        ran = [study["methods"][method] for study in studies if method in study["methods"]]
        settings["variants"] = {k: v for each in reversed(ran) for k, v in each["variants"].items()}
        settings |= {"grid": {}, "seeds": max(each["seeds"] for each in ran)}
    merged["timing"]["devices"] = sorted({d for study in studies for d in study["timing"]["devices"]})
    merged["tuning"] = next((study["tuning"] for study in studies if study["tuning"]), None)
    hosts = ", ".join(f"{s.folder.resolve().name} on {s.environment.get('host', '?')}" for s in sources)
    different = f"; accepted as different: {', '.join(accepted)}" if accepted else ""
    merged["description"] = f"{studies[0]['description'].strip()} (merged: {hosts}{different})"
    return parse_study(merged, f"the merged study {name}")


def _method_folders(sources: list[Source]) -> list[str]:
    """This regbench's own methods and the studies' further folders; a study's first one is its regbench's own."""
    others = dict.fromkeys(folder for source in sources for folder in source.study.method_folders[1:])
    here = [folder if Path(folder).is_dir() else str(PIPELINE / folder) for folder in others]
    return [str(METHODS), *here]


def _methods(study: Study, sources: list[Source]) -> dict[str, MethodFile]:
    """Files of all methods that have rows: tables must know which of them are learned, and what they are called."""
    problems: list[Problem] = []
    methods: dict[str, MethodFile] = {}
    with collected(problems, "method_folders"):
        methods = discover([Path(folder) for folder in study.method_folders])
    for source in sources:
        for name in sorted(set(source.scores["method"]) - methods.keys()):
            what = f"method {name} has rows, and no file {name}.smk is in {', '.join(study.method_folders)}"
            problems.append(Problem(f"{source.folder / 'scores.csv'}", what, "bring its folder here as well"))
    if problems:
        raise Problems(problems, "methods of a merged study that are not here")
    return methods


def _copy_records(sources: list[Source], part: Path) -> None:
    """Each study's records by themselves, under its label; the choices of tuning where tables look for them."""
    for source in reversed(sources):
        for name, path in source.records("**/*.json").items():
            targets = [part / "from" / source.label / name]
            targets += [part / name] if name.startswith("tuning/") else []
            for target in targets:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def _provenance(study: Study, sources: list[Source]) -> dict[str, Any]:
    return {
        "environment": environment(),  # of the joining; each study's own under `merged`
        "study": study.model_dump(mode="json", exclude={"method_folders"}),
        "merged": {source.label: source.provenance for source in sources},
    }


def _source(source: Source) -> dict[str, Any]:
    told = {name: source.environment.get(name) for name in ("host", "cpu", "gpu", "commit", "clean")}
    return {"label": source.label, "folder": str(source.folder), **told}
