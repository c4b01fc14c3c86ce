"""OASIS-3: T1w and T2w scans of one session, from the download of its archive or from BIDS.

    type: oasis3
    path: oasis3
    subjects: {test: 3}   # people, a seeded draw from those with both scans in some session

Scans are known by their names, sub-OAS30001_ses-d0129_run-01_T1w.nii.gz (`sess-` in older downloads), and looked for in

    OAS30001_MR_d0129/anat2/                            as download_oasis_scans.sh leaves them
    OAS30001_MR_d0129/anat2/NIFTI/ or NIFTI/files/      beside BIDS/, which holds the .json
    OAS30001_MR_d0129/scans/anat2-T1w/resources/NIFTI/files/   as the archive's own zip has them
    OAS30001_MR_d0129/
    sub-OAS30001/ses-d0129/anat/                        BIDS: download_oasis_scans_bids.sh, or a converter (ses-M000)

Of several scans of one contrast in a session, one without an acquisition (`acq-TSE`) comes first, then the lowest run.
A person has one subject, the first session with both scans (`sessions: each`: all of them, on one side of the split).

1378 people, 2842 MR sessions, days counted from entry (LaMontagne et al. 2019, medRxiv 2019.12.13.19014902). The data
use agreement is signed at https://www.oasis-brains.org; layout: https://github.com/NrgXnat/oasis-scripts.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from regbench.data._draw import Counts, contents, drawn, refusal
from regbench.data._options import Options
from regbench.data._scans import Scans, ScansDataset

log = logging.getLogger(__name__)
NAME = re.compile(
    r"sub-(?P<person>OAS3\d{4})(_sess?-(?P<session>[A-Za-z0-9]+))?(?P<entities>(_[a-z]+-[A-Za-z0-9]+)*)"
    r"_(?P<contrast>T1w|T2w)\.nii(\.gz)?"
)
SESSION = re.compile(r"(?:OAS3\d{4}_MR_|ses-)([A-Za-z0-9]+)")  # a folder of one session
FOLDERS = (
    "OAS3*_MR_*", "OAS3*_MR_*/anat*", "OAS3*_MR_*/anat*/NIFTI", "OAS3*_MR_*/anat*/NIFTI/files",
    "OAS3*_MR_*/scans/anat*/resources/NIFTI/files", "sub-OAS3*/ses-*/anat",
)  # fmt: skip
CONTRASTS = ("T1w", "T2w")
HOW = (
    "ask for access on https://www.oasis-brains.org, download sessions with scan type T1w,T2w by "
    "https://github.com/NrgXnat/oasis-scripts (download_oasis_scans.sh), and let `path` name the folder that holds "
    "OAS30001_MR_d0129, … or, as BIDS, sub-OAS30001, …"
)


class Oasis3Options(Options):
    """Where the sessions are, and how many people are used."""

    path: Path  # relative to the working directory
    subjects: Counts = Counts(test=3)  # the paper tests a model trained elsewhere on three, chosen at random
    sessions: Literal["first", "each"] = "first"  # of a person, among those with both scans
    seed: int = 0  # of the draw


class Adapter(ScansDataset):
    """A download of OASIS-3 as a dataset. Nothing is copied; making a subject reads and checks its files."""

    options_model = Oasis3Options
    options: Oasis3Options

    def contrasts(self) -> list[str]:
        return list(CONTRASTS)

    @property
    def has_labels(self) -> bool:
        return False

    @cached_property
    def _scans(self) -> list[Scans]:
        people: dict[str, list[Scans]] = defaultdict(list)
        for (person, session), images in sorted(self._complete().items(), key=_by_day):
            people[person].append(Scans(f"{person}_{session}", "", person, images))
        split = drawn(people, self.options.subjects, self.options.seed, self.options.path)
        kept = None if self.options.sessions == "each" else 1
        chosen = [scans for person in sorted(split) for scans in people[person][:kept]]
        for scans in chosen:
            scans.split = split[scans.group]
        return chosen

    def _complete(self) -> dict[tuple[str, str], dict[str, Path]]:
        """The images of every (person, session) that has one of each contrast; the others are told in the log."""
        root, found = self.options.path, defaultdict(dict)
        if not root.is_dir():
            raise refusal(root, "no such folder", HOW)
        scans = list(_scans_in(root))
        if not scans:
            what = "no scan such as OAS30001_MR_d0129/anat2/sub-OAS30001_ses-d0129_run-01_T1w.nii.gz or "
            what += (
                f"sub-OAS30001/ses-d0129/anat/sub-OAS30001_ses-d0129_T1w.nii.gz in it, found {contents(root)}"
            )
            raise refusal(root, what, HOW)
        for where, contrast, path in sorted(scans, key=lambda scan: _preference(scan[2])):
            found[where].setdefault(contrast, path)
        lacking = {where: images for where, images in found.items() if len(images) < len(CONTRASTS)}
        if len(lacking) == len(found):
            what = f"{len(found)} sessions, none with both a T1w and a T2w scan (as {_lacks(*min(lacking.items()))})"
            raise refusal(root, what, HOW)
        if lacking:
            example = _lacks(*min(lacking.items()))
            log.info("%s: %d of %d sessions left out (as %s)", root, len(lacking), len(found), example)
        whole = {where: images for where, images in found.items() if where not in lacking}
        return {where: {name: images[name] for name in CONTRASTS} for where, images in whole.items()}


def _scans_in(root: Path) -> Iterator[tuple[tuple[str, str], str, Path]]:
    """((person, session), contrast, file) of every scan that is told to a session by its name or its folder's."""
    for pattern in FOLDERS:
        for path in root.glob(f"{pattern}/sub-OAS3*.nii*"):
            match = NAME.fullmatch(path.name)
            session = match and (match["session"] or _session_of(path, root))
            if match and session:
                yield (match["person"], session), match["contrast"], path


def _session_of(path: Path, root: Path) -> str | None:
    parts = map(SESSION.fullmatch, path.relative_to(root).parts)
    return next((match[1] for match in parts if match), None)


def _preference(path: Path) -> tuple[bool, int, str]:
    """The first of a session's scans of one contrast is taken."""
    match = NAME.fullmatch(path.name)
    entities = dict(part.split("-") for part in (match["entities"] if match else "").split("_") if part)
    return "acq" in entities, int(re.sub(r"\D", "", entities.get("run", "")) or 0), str(path)


def _by_day(session: tuple[tuple[str, str], Any]) -> tuple[str, int, str]:
    """Sessions of a person in the order of their days (d0129) or months (M012)."""
    (person, name), _ = session
    return person, int(re.sub(r"\D", "", name) or 0), name


def _lacks(where: tuple[str, str], images: dict[str, Path]) -> str:
    return f"{'_'.join(where)} has no {' and no '.join(set(CONTRASTS) - set(images))}"
