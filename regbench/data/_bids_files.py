"""The images of a BIDS folder, and which of them a filter means.

The folder is read by ancpbids, from names alone; folders that no filter looks into are passed over, since Snakemake
has the subjects listed at each start.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from regbench.data._bids_options import BidsFilter, Value
from regbench.problems import nearest

DESCRIPTION = "dataset_description.json"
EXTENSIONS = (".nii", ".nii.gz")
NOT_DATA = [".*", "code", "derivatives", "sourcedata", "stimuli"]  # at the top of a dataset


@dataclass(frozen=True)
class BidsFile:
    """One image; `person` is its subject's folder (`sub-01`), `entities` has the others by their short names."""

    path: Path
    person: str
    entities: dict[str, str]
    suffix: str
    datatype: str  # empty where the file lies in no datatype's folder

    def fits(self, wanted: BidsFilter) -> bool:
        """Whether the filter means this file."""
        return (
            wanted.suffix in (None, self.suffix)
            and self.datatype in ("", wanted.datatype)
            and all(same_value(self.entities.get(key), value) for key, value in wanted.entities.items())
        )

    def of_session(self, session: Value) -> bool:
        """Whether it belongs to a session, as a file without one belongs to all of its subject's."""
        return session is None or "ses" not in self.entities or same_value(self.entities["ses"], session)


@dataclass(frozen=True)
class BidsFolder:
    """The images of a dataset or derivative, in the datatypes' folders that were asked for."""

    path: Path
    files: list[BidsFile]

    @cached_property
    def of_person(self) -> dict[str, list[BidsFile]]:
        found: dict[str, list[BidsFile]] = {}
        for file in self.files:
            found.setdefault(file.person, []).append(file)
        return found

    def explain(self, wanted: BidsFilter) -> str | None:
        """Why no file at all fits the filter, with what there is instead; None where one does."""
        files = [f for f in self.files if f.datatype in ("", wanted.datatype)]
        if any(f.fits(wanted) for f in files):
            return None
        where = f"{self.path}: no image ({wanted}) in any `{wanted.datatype}`"
        suffixes = sorted({f.suffix for f in files})
        if wanted.suffix is not None and wanted.suffix not in suffixes:
            return (
                f"{where}; suffixes there: {', '.join(suffixes) or 'none'}{nearest(wanted.suffix, suffixes)}"
            )
        same = [f for f in files if wanted.suffix in (None, f.suffix)]
        return f"{where}; entities there: {in_words(entities_of(same)) or 'none'}"


def read_folder(path: Path, datatypes: Iterable[str]) -> BidsFolder:
    """All NIfTI images of subjects in `path`; of the datatypes' folders only those named are looked into."""
    # Imported here: studies without BIDS data do not wait for it.
    import ancpbids
    from ancpbids.model_base import Artifact

    known = {each.value["value"] for each in ancpbids.model_latest.DatatypeEnum}
    ignored = NOT_DATA + [f"*/{name}" for name in known.difference(datatypes)]
    # A pickled index that someone left in the dataset would run what it says.
    options = ancpbids.DatasetOptions(ignore=ignored, ignore_pickle_file=True)
    _check_description(path / DESCRIPTION)
    dataset = ancpbids.load_dataset(str(path), options)
    found = dataset.select(Artifact).objects()
    images = [f for f in found if f.extension in EXTENSIONS and "sub" in f.entities]
    files = [_file(Path(f.get_absolute_path()), dict(f.entities), f.suffix, known) for f in images]
    return BidsFolder(path, sorted(files, key=lambda f: f.path))


def _check_description(path: Path) -> None:
    """ValueError naming the file where it is there (derivatives often have none) and no JSON object."""
    try:
        description = json.loads(path.read_text(encoding="utf8")) if path.exists() else {}
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error})") from error
    if not isinstance(description, dict):
        raise ValueError(f"{path}: expected a JSON object, found {type(description).__name__}")


def _file(path: Path, entities: dict[str, str], suffix: str, datatypes: set[str]) -> BidsFile:
    values = {key: str(value) for key, value in entities.items()}
    folder = path.parent.name
    return BidsFile(path, f"sub-{values.pop('sub')}", values, suffix, folder if folder in datatypes else "")


def same_value(found: Value, wanted: Value) -> bool:
    """Whether an entity's value is the wanted one; `01` is 1."""
    if found is None or wanted is None:
        return found is wanted
    one, two = str(found), str(wanted)
    return one == two or (one.isdecimal() and two.isdecimal() and int(one) == int(two))


def which(files: list[BidsFile]) -> str:
    """How to choose among files that fit one filter."""
    differing = {key: values for key, values in entities_of(files).items() if len(values) > 1}
    if "ses" in differing:
        labels = ", ".join(differing["ses"])
        return f"set `sessions` to `each` or to one of {labels}"
    if not differing:
        return "keep one of them, or name its `derivatives`"
    return f"add one of {in_words(differing)} to the filter"


def entities_of(files: Iterable[BidsFile]) -> dict[str, list[str]]:
    """Values by entity, beside the subject; `null` among them where some of the files have no such entity."""
    files = list(files)
    keys = sorted({key for file in files for key in file.entities})
    return {key: sorted({file.entities.get(key, "null") for file in files}) for key in keys}


def in_words(entities: dict[str, list[str]]) -> str:
    """As `acq: a or b, run: 1 or 2`."""
    return ", ".join(f"{key}: {' or '.join(values)}" for key, values in entities.items())


def people_of(root: Path) -> list[str]:
    """Names of the participants' folders, in order; ValueError where `root` is no BIDS dataset."""
    if not root.is_dir():
        raise ValueError(
            f"{root}: no such folder; `path` is a BIDS dataset, relative to the working directory"
        )
    if not (root / DESCRIPTION).is_file():
        raise ValueError(
            f"{root}: no {DESCRIPTION}, which every BIDS dataset has; is `path` the folder that holds sub-01, …?"
        )
    people = sorted(path.name for path in root.glob("sub-*") if path.is_dir())
    if not people:
        raise ValueError(f"{root}: no folder of a participant (sub-01, …)")
    return people


def folder_of(root: Path, derivatives: str | None) -> Path:
    """The raw data's folder or a derivative's; ValueError where there is none of that name."""
    if derivatives is None:
        return root
    path = root / "derivatives" / derivatives
    if not path.is_dir():
        there = sorted(p.name for p in (root / "derivatives").glob("*") if p.is_dir())
        raise ValueError(f"{path}: no such folder of derivatives; there are {', '.join(there) or 'none'}")
    return path
