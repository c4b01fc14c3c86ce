"""Visits of people, listed in a CSV table: pairs of scans before and after, with a lesion or tumour drawn in them.

    subject,visit,image,labels,mask,transforms
    p01,pre,p01_pre_T1w.nii.gz,p01_pre_tumour.nii.gz,,
    p01,post,p01_post_T1w.nii.gz,p01_post_tumour.nii.gz,,

One row a visit (and contrast), the first visit first: it is the baseline that a task with `pairing: followup` moves to
each later one. `labels` of the first visit alone will do: its volume is carried over and there is no DSC. Columns besides
are those of a manifest; `split` is `test` and `contrast` T1w where they are left out.

Labels and masks drawn in another space, to which the visits were registered, are brought to the image by `transforms`:
files of ITK, ANTs or elastix that take a point of that space to the image's, one after the other, with `;` between them.
They must be affine. No voxel is resampled: the transform goes into the header.
"""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from regbench.data import manifest
from regbench.data._scans import checked_files
from regbench.data._table import Row, read_rows
from regbench.data.base import ScanFile, Subject

DEFAULTS = {"split": "test", "contrast": "T1w"}
STRAIGHT_MM = 0.01  # an affine transform takes a middle to the middle as well as that


class Adapter(manifest.Adapter):
    """A manifest whose subjects are visits. Labels and masks that transforms bring over are written under folder/S/."""

    def files(self) -> list[ScanFile]:
        """Every file that the table names but the transforms."""
        moved = self._transforms
        return [
            replace(file, elsewhere=file.subject in moved and file.role in ("labels", "mask"))
            for file in super().files()
        ]

    def _rows(self) -> list[Row]:
        """The table's lines as a manifest has them: visits as subjects, of whom the person is the group."""
        form = ["subject", "visit"] if self.options.images else ["subject", "visit", "image"]
        rows = read_rows(self.options.path, {**self.options.columns}, form, "a row is a visit of a subject")
        return [Row(row.line, _as_manifest(row)) for row in rows]

    def _add(self, found: dict[str, manifest.ListedScans], row: Row) -> tuple[str, str] | None:
        problem = super()._add(found, row)
        for path in () if problem else self._transforms_of(row):
            found[row.get("subject")].lines.setdefault(path, row.line)
        return problem

    @cached_property
    def _transforms(self) -> dict[str, list[Path]]:
        """Of the visits whose labels or mask lie in another space."""
        return {row.get("subject"): paths for row in self._rows() if (paths := self._transforms_of(row))}

    def _transforms_of(self, row: Row) -> list[Path]:
        names = [name.strip() for name in row.get("transforms").split(";")]
        return [self.options.folder / name for name in names if name]

    def _files(self, subject: Subject) -> dict[str, Any]:
        scans = next(s for s in self._scans() if s.subject == subject.name)
        if subject.name not in self._transforms:
            return checked_files(scans)
        # Imported here: listing subjects, which Snakemake does at each start, must not wait for numpy.
        import numpy as np

        record = checked_files(replace(scans, labels=None, mask=None))
        matrix = affine_of(self._transforms[subject.name])
        image = next(iter(scans.images.values()))
        for name, dtype in (("labels", np.int32), ("mask", np.uint8)):
            if path := getattr(scans, name):
                record[name] = str(
                    _moved(path, matrix, image, dtype, self.folder / subject.name / f"{name}.nii.gz")
                )
        return record


def _as_manifest(row: Row) -> dict[str, str]:
    person, visit = row.get("subject"), row.get("visit")
    given = {name: row.get(name) or default for name, default in DEFAULTS.items()}
    return {**row.values, **given, "group": row.get("group") or person, "subject": f"{person}_{visit}"}


def affine_of(paths: list[Path]) -> Any:
    """(4, 4) LPS mm of transforms applied one after the other. ValueError names those that are not affine."""
    import numpy as np

    from regbench.geometry.grid import apply_affine
    from regbench.geometry.transforms import chain, read_map

    move = chain([read_map(path) for path in paths])
    corners = 100.0 * np.array([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])  # mm
    moved = move(corners)
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = (moved[:, 1:] - moved[:, :1]) / 100, moved[:, 0]
    others = np.random.default_rng(0).uniform(-150, 150, (3, 50))
    if np.abs(apply_affine(matrix, others) - move(others)).max() > STRAIGHT_MM:
        names = ", ".join(map(str, paths))
        raise ValueError(
            f"{names}: expected affine transforms, these deform; resample the labels onto the image instead"
        )
    return matrix


def _moved(path: Path, matrix: Any, image: Path, dtype: Any, out: Path) -> Path:
    """Labels or a mask in the image's space, their voxels as they are; ValueError where they then lie outside it."""
    import numpy as np

    from regbench.geometry.grid import Grid
    from regbench.geometry.images import read_grid, read_volume, write_volume

    volume, onto = read_volume(path, dtype), read_grid(image)
    inside = np.argwhere(volume.data > 0).T
    if not inside.size:
        raise ValueError(f"{path}: no voxel is above 0")
    grid = Grid(volume.grid.shape, matrix @ volume.grid.affine)
    index = onto.to_index(grid.to_points(inside))
    lost = ((index < -0.5) | (index > np.array(onto.shape)[:, None] - 0.5)).any(axis=0).mean()
    if lost > 0.5:
        raise ValueError(
            f"{path}: {100 * lost:.0f} % of it lies outside {image} after its transforms; they take points of the labels' "
            "space to the image's, in the order of the table"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_volume(out, volume.data, grid)
    return out
