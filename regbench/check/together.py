"""Files against one another: labels and masks on their images' grids, nobody without, no scan under two names."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from regbench.check.scan import Facts
from regbench.data._scans import SAME_GRID_MM
from regbench.data.base import ScanFile
from regbench.geometry.grid import Grid
from regbench.geometry.landmarks import Landmarks, check_inside, read_landmarks
from regbench.problems import Level, Problem, collected
from regbench.study import TaskSettings

Found = dict[ScanFile, Facts]


def problems_together(name: str, found: Found, tasks: Iterable[TaskSettings]) -> list[Problem]:
    """All that the files of dataset `name` have wrong only beside others, or for one of the tasks that use it."""
    people: dict[str, Found] = defaultdict(dict)
    for file, facts in found.items():
        people[file.subject][file] = facts
    problems = [problem for files in people.values() for problem in (*_grids(files), *_landmarks(files))]
    problems += _twice(found)
    problems += _without_labels(name, people)
    tasks = list(tasks)
    if any(task.prepare.mask == "dataset" for task in tasks):
        problems += _without(name, people, "mask", "error", "a task's prepare.mask is `dataset`")
    dark = {contrast for t in tasks if t.prepare.mask == "threshold" for contrast in (t.fixed, t.moving)}
    return problems + _below_zero(found, dark)


def _grids(files: Found) -> list[Problem]:
    """Labels and masks of one subject that lie on none of its images' grids."""
    images = {
        file.path: grid for file, facts in files.items() if file.role == "image" and (grid := _grid(facts))
    }
    problems = []
    for file, facts in files.items():
        grid = _grid(facts)
        if file.role not in ("labels", "mask") or file.elsewhere or grid is None or not images:
            continue
        if not any(grid.same_as(image, SAME_GRID_MM) for image in images.values()):
            path, nearest = next(iter(images.items()))
            what = f"{file.role} of shape {grid.shape} {_difference(grid, nearest)} {path} (shape {nearest.shape})"
            todo = "expected one grid; resample with nearest neighbour onto an image of the subject"
            problems.append(Problem(str(file.path), what, todo))
    return problems


def _landmarks(files: Found) -> list[Problem]:
    """Landmarks of one subject that cannot be read, or lie outside their image."""
    grids = {file.contrast: _grid(facts) for file, facts in files.items() if file.role == "image"}
    problems: list[Problem] = []
    for file in files:
        grid = grids.get(file.contrast)
        if file.role == "landmarks" and grid is not None:
            with collected(problems, str(file.path)):
                problems += _outside(read_landmarks(file.path, grid), grid, str(file.path))
    return problems


def _outside(landmarks: Landmarks, grid: Grid, where: str) -> list[Problem]:
    try:
        check_inside(landmarks, grid, "outside the image, expected inside")
    except ValueError as error:
        todo = "state the coordinates that they are in, or correct the points"
        return [Problem(where, str(error).removeprefix(f"{where}: "), todo)]
    return []


def _difference(grid: Grid, image: Grid) -> str:
    return "has another shape than" if grid.shape != image.shape else "lies elsewhere (affine) than"


def _grid(facts: Facts) -> Grid | None:
    if facts.shape is None or facts.affine is None:
        return None
    a, b, c = facts.shape
    return Grid((a, b, c), np.array(facts.affine))


def _twice(found: Found) -> list[Problem]:
    """One scan under the names of two subjects: a leak where they are on two sides of the split."""
    same: dict[tuple[object, ...], list[ScanFile]] = defaultdict(list)
    for file, facts in found.items():
        wrong = any(problem.level == "error" for problem in facts.problems)
        if file.role == "image" and facts.digest is not None and not wrong:
            same[(facts.digest, *(facts.shape or ()))].append(file)
    problems = []
    for first, *others in same.values():
        for other in others:
            if other.subject == first.subject:
                continue
            leak = other.split != first.split
            what = f"the same voxels as {first.path} of subject {first.subject} ({first.split}), here under the name of "
            what += f"{other.subject} ({other.split})" + (": the split leaks" if leak else "")
            problems.append(
                Problem(str(other.path), what, "keep the scan once", "error" if leak else "warning")
            )
    return problems


def _without_labels(name: str, people: dict[str, Found]) -> list[Problem]:
    """Tested subjects without labels where others have some; where nobody has any, nothing was meant to be."""
    labelled = [file for files in people.values() for file in files if file.role == "labels"]
    tested = {who: files for who, files in people.items() if next(iter(files)).split == "test"}
    return (
        _without(name, tested, "labels", "warning", "their pairs have no DSC and no HD95") if labelled else []
    )


def _without(name: str, people: dict[str, Found], role: str, level: Level, why: str) -> list[Problem]:
    lacking = [who for who, files in people.items() if not any(file.role == role for file in files)]
    if not lacking:
        return []
    few = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
    what = f"no {role} for {few}: {why}"
    return [Problem(f"datasets.{name}", what, f"name {role} for every subject", level)]


def _below_zero(found: Found, contrasts: set[str]) -> list[Problem]:
    """Images whose outside is negative (CT): the threshold of `prepare.mask` is made for an outside of 0 or above."""
    return [
        Problem(
            str(file.path),
            "negative values at the image's border: `prepare.mask: threshold` expects an outside of 0 or more",
            "add a constant so that air is 0, or give masks and set prepare.mask to `dataset`",
            "warning",
        )
        for file, facts in found.items()
        if facts.below_zero and file.contrast in contrasts
    ]
