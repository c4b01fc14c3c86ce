"""Visits of people, listed in a CSV table: pairs of scans before and after, with a lesion or tumour drawn in them.

    subject,visit,image,labels,mask,transforms
    p01,pre,p01_pre_T1w.nii.gz,p01_pre_tumour.nii.gz,,
    p01,post,p01_post_T1w.nii.gz,p01_post_tumour.nii.gz,,

One row a visit (and contrast), the first visit first: it is the baseline that a task with `pairing: followup` moves to
each later one. `labels` of the first visit alone will do: its volume is carried over and there is no DSC. Columns besides
are those of a manifest; `split` is `test` and `contrast` T1w where they are left out.

Labels and masks drawn in another space, to which the visits were registered, are brought to the image by `transforms` of
the row that names them: files of ITK, ANTs or elastix that take a point of that space to the image's, one after the other, with `;` between them.
They must be affine. No voxel is resampled: the transform goes into the header.
"""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from regbench.data import manifest
from regbench.data._scans import checked_files
from regbench.data._table import Row, read_rows
from regbench.data.base import ScanFile, Subject, check_subjects

DEFAULTS = {"split": "test", "contrast": "T1w"}
STRAIGHT_MM = 0.01  # an affine transform takes a middle to the middle as well as that


class Adapter(manifest.Adapter):
    """A manifest whose subjects are visits. Labels and masks that transforms bring over are written under folder/S/."""

    def subjects(self) -> list[Subject]:
        """The visits in the table's order; the person is the column `subject`, whatever the group."""
        subjects = [replace(s, person=self._persons[s.name]) for s in super().subjects()]
        return check_subjects(subjects, str(self.options.path))

    def files(self) -> list[ScanFile]:
        """Every file that the table names but the transforms."""
        files = super().files()
        return [
            replace(file, elsewhere=bool(self._transforms.get((file.subject, file.role)))) for file in files
        ]

    def _rows(self) -> list[Row]:
        """The table's lines as a manifest has them: visits as subjects, of whom the person is the group if there is none."""
        return [Row(row.line, _as_manifest(row)) for row in self._lines]

    @cached_property
    def _lines(self) -> list[Row]:
        """Of the table as it is."""
        form = ["subject", "visit"] if self.options.images else ["subject", "visit", "image"]
        return read_rows(self.options.path, {**self.options.columns}, form, "a row is a visit of a subject")

    def _add(self, found: dict[str, manifest.ListedScans], row: Row) -> tuple[str, str] | None:
        if problem := super()._add(found, row):
            return problem
        visit, paths = row.get("subject"), self._transforms_of(row)
        named = [kind for kind, name in zip(("labels", "mask"), self._names(row)[1:], strict=True) if name]
        for kind in named:
            if self._transforms.setdefault((visit, kind), paths) != paths:
                what = f"visit {visit!r} has its {kind} named in rows of different `transforms`"
                return what, f"name the {kind} in one row, that of the image which these transforms lead to"
        for path in paths if named else ():
            found[visit].lines.setdefault(path, row.line)
        return None

    @cached_property
    def _transforms(self) -> dict[tuple[str, str], list[Path]]:
        """By visit and `labels` or `mask`, of the row that names it; filled as rows are added."""
        return {}

    @cached_property
    def _persons(self) -> dict[str, str]:
        """By visit."""
        return {_visit(row): row.get("subject") for row in self._lines}

    def _transforms_of(self, row: Row) -> list[Path]:
        names = [name.strip() for name in row.get("transforms").split(";")]
        return [self.options.folder / name for name in names if name]

    def _files(self, subject: Subject) -> dict[str, Any]:
        scans = next(s for s in self._scans() if s.subject == subject.name)
        moved = [kind for kind in ("labels", "mask") if self._transforms.get((subject.name, kind))]
        if not moved:
            return checked_files(scans)
        # Imported here: listing subjects, which Snakemake does at each start, must not wait for numpy.
        import numpy as np

        record = checked_files(replace(scans, **dict.fromkeys(moved)))
        image = next(iter(scans.images.values()))
        for kind in moved:
            matrix = affine_of(self._transforms[subject.name, kind])
            dtype = np.int32 if kind == "labels" else np.uint8
            out = self.folder / subject.name / f"{kind}.nii.gz"
            record[kind] = str(_moved(getattr(scans, kind), matrix, image, dtype, out))
        return record


def _as_manifest(row: Row) -> dict[str, str]:
    given = {name: row.get(name) or default for name, default in DEFAULTS.items()}
    return {**row.values, **given, "group": row.get("group") or row.get("subject"), "subject": _visit(row)}


def _visit(row: Row) -> str:
    return f"{row.get('subject')}_{row.get('visit')}"


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
