"""What the viewer shows of one task: fixed, moving and every method's result, on the smallest grid that holds the brain."""

from dataclasses import dataclass

import numpy as np

from regbench.figures.lines import Line
from regbench.figures.volumes import PairVolumes
from regbench.geometry.grid import Grid
from regbench.report.blobs import Blob, blob, grey, whole

# Every voxel, every second one, … with the mm between lines of a deformation grid: lines become fewer before images suffer.
FINENESS = ((1, 6.0), (1, 12.0), (2, 6.0), (2, 12.0), (3, 12.0), (4, 12.0))
STEP_MM = (
    1 / 8
)  # of a displacement as stored: off by a sixteenth of a mm at most, less than a pixel of the screen
FEW_LABELS = 8  # outlines of more cover the image, and are drawn only when asked for


@dataclass(frozen=True)
class Layer:
    """One image of the viewer with what is drawn over it. `lattice`: displacements (3, d, h, w) in STEP_MM, LPS."""

    label: str
    colour: str
    image: Blob
    labels: Blob | None
    lattice: Blob | None

    @property
    def blobs(self) -> dict[str, Blob]:
        """The arrays there are, by their role."""
        named = {"image": self.image, "labels": self.labels, "lattice": self.lattice}
        return {role: packed for role, packed in named.items() if packed}

    @property
    def size(self) -> int:
        """Bytes of the page."""
        return sum(len(packed.text) for packed in self.blobs.values())


@dataclass(frozen=True)
class View:
    """One task's layers on a common grid, fixed and moving first; `notes` say what was left out."""

    task: str
    title: str
    spacing: list[float]  # mm
    origin: list[float]  # LPS mm of the first voxel
    every: list[int]  # voxels of the shown grid between points of a lattice, along each axis
    outlines: bool  # whether labels' outlines are drawn before anybody asks
    cursor: list[int]  # the voxel of the shown grid that is looked at first
    layers: list[Layer]
    notes: list[str]

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.layers)


@dataclass(frozen=True)
class Crop:
    """The part of a grid along the LPS axes that is shown: a box, in blocks of `factor` voxels along each axis."""

    whole: Grid
    box: tuple[slice, slice, slice]
    factor: int
    lattice_mm: float  # about so far apart are the lines of a deformation grid

    @property
    def spacing(self) -> list[float]:
        """Between the middles of blocks, in mm."""
        return (self.whole.spacing * self.factor).tolist()

    @property
    def origin(self) -> list[float]:
        """The middle of the first block, in LPS mm."""
        first = np.array([part.start for part in self.box]) + (self.factor - 1) / 2
        return self.whole.to_points(first).tolist()

    @property
    def every(self) -> list[int]:
        """Blocks between points of a lattice, along each axis."""
        return [max(1, round(self.lattice_mm / mm)) for mm in self.spacing]

    def image(self, values: np.ndarray) -> np.ndarray:
        """(D, H, W) cut; a voxel is the mean of those it stands for."""
        cut, f = values[self.box], self.factor
        if f == 1:
            return cut
        whole_blocks = tuple(slice(0, size // f * f) for size in cut.shape)
        d, h, w = (size // f for size in cut.shape)
        return cut[whole_blocks].reshape(d, f, h, f, w, f).mean(axis=(1, 3, 5))

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """(…, D, H, W) cut; a voxel is the one in the middle of its block."""
        f = self.factor
        cut = values[(..., *self.box)]
        sizes = [size // f * f for size in cut.shape[-3:]]
        return cut[(..., *(slice(f // 2, size, f) for size in sizes))]

    def index(self, slices: tuple[int, int, int], shape: tuple[int, ...]) -> list[int]:
        """The shown voxel (of `shape`) nearest to one of the whole grid."""
        places = [(n - part.start) // self.factor for n, part in zip(slices, self.box, strict=True)]
        return [int(min(max(n, 0), size - 1)) for n, size in zip(places, shape, strict=True)]


def view(
    task: str, title: str, pair: PairVolumes, slices: tuple[int, int, int], lines: list[Line], room: int
) -> View:
    """The layers of a pair in at most `room` bytes: as fine as FINENESS lets it fit, then without the last methods.

    slices: the index along each axis of the task's grid that is looked at first. lines: in the order of the task's table;
    identity's image is the moving one, and is left out. Raises ValueError or OSError where a stored file cannot be used.
    """
    shown = [line for line in lines if line.method != "identity"]
    crop, layers, notes, left_out = _fitting(pair, shown, room, FINENESS)
    if left_out:
        notes.append(
            f"Not shown, for want of room in this page: {', '.join(line.label for line in left_out)}."
        )
    if crop.factor > 1:
        blocks = " × ".join([str(crop.factor)] * 3)
        notes.append(f"Shown in blocks of {blocks} voxels of the task's grid, to fit this page.")
    cursor = crop.index(slices, layers[0].image.shape)
    outlines = pair.fixed.labels is not None and len(np.unique(pair.fixed.labels)) <= FEW_LABELS + 1
    return View(task, title, crop.spacing, crop.origin, crop.every, outlines, cursor, layers, notes)


def _fitting(
    pair: PairVolumes, lines: list[Line], room: int, fineness: tuple[tuple[int, float], ...]
) -> tuple[Crop, list[Layer], list[str], list[Line]]:
    """Layers at the first of `fineness` where all fit, else at the last; notes, and the lines that were left out."""
    first, *others = fineness
    crop = Crop(pair.grid, pair.box, *first)
    layers = _own_layers(pair, crop)
    # Methods' layers, whose fields are not zero, are larger than the fixed one's.
    hopeless = layers[0].size * (len(lines) + 2) > room
    notes, left_out = ([], lines) if others and hopeless else _add_runs(layers, pair, lines, crop, room)
    return (
        _fitting(pair, lines, room, tuple(others)) if left_out and others else (crop, layers, notes, left_out)
    )


def _own_layers(pair: PairVolumes, crop: Crop) -> list[Layer]:
    """Fixed and moving. The fixed one's lattice is a regular one, to compare the others with."""
    still = np.zeros((3, *pair.grid.shape), np.float32)
    fixed = _layer(crop, "Fixed", "", pair.fixed.image.data, pair.fixed.labels, still)
    return [fixed, _layer(crop, "Moving, affinely aligned", "", pair.moving, pair.moving_labels, None)]


def _add_runs(
    layers: list[Layer], pair: PairVolumes, lines: list[Line], crop: Crop, room: int
) -> tuple[list[str], list[Line]]:
    """Append the lines' layers; a note on each that has none, and the lines that there was no room for."""
    notes, taken = [], sum(layer.size for layer in layers)
    for at, line in enumerate(lines):
        try:
            run = pair.run(line)
        except (ValueError, OSError) as error:  # the other methods are shown all the same
            notes.append(f"{line.label} has a field that cannot be shown: {error}")
            continue
        if run.field is None or run.warped is None:
            notes.append(f"{line.label} has no field of this pair to show ({run.status}: {run.message}).")
            continue
        layer = _layer(crop, line.label, line.colour, run.warped, run.labels, run.field)
        taken += layer.size
        if taken > room:
            return notes, lines[at:]
        layers.append(layer)
    return notes, []


def _layer(
    crop: Crop,
    label: str,
    colour: str,
    image: np.ndarray,
    labels: np.ndarray | None,
    field: np.ndarray | None,
) -> Layer:
    """image, labels: (D, H, W) on the whole grid; field: (3, D, H, W) mm there."""
    return Layer(
        label,
        colour,
        blob(grey(crop.image(image))),
        None if labels is None else blob(whole(crop.nearest(labels))),
        None if field is None else blob(_lattice(crop.nearest(field), crop.every)),
    )


def _lattice(field: np.ndarray, every: list[int]) -> np.ndarray:
    """Every so many-th displacement of (3, D, H, W) mm, as int16 of STEP_MM."""
    points = field[(slice(None), *(slice(None, None, step) for step in every))]
    return np.clip(np.rint(points / STEP_MM), -32768, 32767).astype(np.int16)
