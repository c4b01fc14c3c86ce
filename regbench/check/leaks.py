"""People that a task with `trained_on` tests and whose scans its models were trained on or chosen by."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from regbench.data import Dataset, Subject
from regbench.plan import Plan
from regbench.problems import Problem
from regbench.records import read_record

Mark = tuple[str, ...]  # what tells a person: a name, where it is one; a file; contents of files


@dataclass(frozen=True)
class _Person:
    subject: str
    split: str
    marks: frozenset[Mark]


def leak_problems(plan: Plan, name: str, there: Plan, trained: str, key: str) -> Iterator[Problem]:
    """Test subjects of task `name` who are among the training or validation people of task `trained` of `there`."""
    tested = [person for person in _people(plan, plan.task(name).dataset) if person.split == "test"]
    dataset = there.task(trained).dataset
    known = _people(there, dataset)
    if there is not plan:  # what its models saw, also where its table of scans has changed since
        known += _recorded(there, dataset)
    if tested and not known:
        what = f"who trained there is not known: no records in {there.folder / 'data' / dataset}, no scans"
        yield Problem(key, what, "copy them here, to have them compared with who is tested", "warning")
    saw = {mark: each for each in known if each.split != "test" for mark in each.marks}
    same = {}
    for person in tested:
        if shared := sorted(person.marks & saw.keys()):
            other = saw[shared[0]]
            same[person.subject] = f"{person.subject} ({_told(shared[0])} {other.subject}, {other.split})"
    if same:
        few = ", ".join([*same.values()][:5]) + (f" and {len(same) - 5} more" if len(same) > 5 else "")
        what = f"it tests people whom {trained} trains on: {few}"
        todo = (
            "take them out of the split `test`; people who are only called alike need another name or `group`"
        )
        yield Problem(key, what, todo)


def _told(mark: Mark) -> str:
    return {"person": "the name of", "file": f"{mark[1]} is also of", "contents": "the same files as"}[
        mark[0]
    ]


def _people(plan: Plan, name: str) -> list[_Person]:
    """Everybody of a dataset as it is now; nobody where it cannot be listed here."""
    with suppress(ValueError, OSError):
        dataset = plan.dataset(name)
        subjects = dataset.subjects()
        contents = {each.subject: each.marks for each in _recorded(plan, name)}
        files = _own_files(subjects, dataset)
        return [
            _Person(
                s.name,
                s.split,
                frozenset(
                    {("person", dataset.people, s.group), ("person", dataset.people, s.person or s.group)}
                    | {("file", str(path)) for path in files[s.name]}
                    | {mark for mark in contents.get(s.name, ()) if mark[0] == "contents"}
                ),
            )
            for s in subjects
        ]
    return []


def _own_files(subjects: list[Subject], dataset: Dataset) -> dict[str, set[Path]]:
    """Files by subject, without those that are of several people, such as an archive: they tell nobody."""
    if dataset.semi_synthetic:
        return {s.name: set() for s in subjects}  # all are made of one template
    owners: dict[Path, set[str]] = {}
    for subject in subjects:
        for path in subject.sources:
            owners.setdefault(path.resolve(), set()).add(subject.group)
    return {s.name: {p for p in map(Path.resolve, s.sources) if len(owners[p]) == 1} for s in subjects}


def _recorded(plan: Plan, name: str) -> list[_Person]:
    """Everybody whose scans a study has read, by the records of its stage `data`."""
    people = []
    for path in sorted((plan.folder / "data" / name).glob("*.json")):
        with suppress(ValueError, OSError, KeyError):
            record = read_record(path)
            marks: set[Mark] = {("person", plan.dataset(name).people, record["group"])}
            if record["status"] == "ok" and record.get("contents"):
                marks.add(("contents", record["contents"]))
            people.append(_Person(record["subject"], record["split"], frozenset(marks)))
    return people
