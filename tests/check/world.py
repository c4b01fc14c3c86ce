"""A tiny study in which all is well, to be spoilt in one place at a time."""

import csv
import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import yaml

from regbench.check.run import check_plan
from regbench.problems import Problem, collected
from regbench.workflow import Workflow

SHAPE = (10, 11, 12)
AFFINE = np.diag([-2.0, -2.0, 2.5, 1.0])
SPLITS = {"s1": "train", "s2": "train", "s3": "val", "s4": "val", "s5": "test", "s6": "test"}
OFFSETS = {"dim": 40, "datatype": 70, "pixdim": 76, "units": 123, "qcode": 252, "scode": 254, "quatern": 256, "qoffset": 268,
           "srow": 280}  # fmt: skip


class World:
    """Six subjects of two contrasts with labels and masks, in the table scans.csv, and the study study.yaml."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.rng = np.random.default_rng(0)
        self.rows = [
            {
                "subject": name,
                "contrast": contrast,
                "image": f"{name}_{contrast}.nii.gz",
                "labels": f"{name}_labels.nii.gz",
                "mask": f"{name}_mask.nii.gz",
                "split": split,
                "group": name,
            }
            for name, split in SPLITS.items()
            for contrast in ("T1w", "T2w")
        ]
        self.study = {
            "study": "tiny",
            "description": "all is well",
            "threads": 1,
            "device": "cpu",
            "datasets": {"mine": {"type": "manifest", "path": str(folder / "scans.csv")}},
            "tasks": {
                "mono": {
                    "table": 1,
                    "dataset": "mine",
                    "grid": {"spacing": [2, 2, 2], "shape": [12, 12, 12]},
                    "methods": ["identity"],
                }
            },
        }
        self.text: str | None = None  # of the study's file, where it is not what yaml writes
        for name in SPLITS:
            for contrast in ("T1w", "T2w"):
                self.scan(f"{name}_{contrast}.nii.gz")
            self.scan(f"{name}_labels.nii.gz", self.box().astype(np.uint8) * 3)
            self.scan(f"{name}_mask.nii.gz", self.box().astype(np.uint8))

    @property
    def task(self) -> dict:
        return self.study["tasks"]["mono"]

    @property
    def mine(self) -> dict:
        return self.study["datasets"]["mine"]

    def path(self, name: str) -> Path:
        return self.folder / name

    def noise(self) -> np.ndarray:
        return (self.box() * self.rng.integers(100, 900, SHAPE)).astype(np.float32)

    @staticmethod
    def box() -> np.ndarray:
        inside = np.zeros(SHAPE, bool)
        inside[2:-2, 2:-2, 2:-2] = True
        return inside

    def scan(self, name: str, data: np.ndarray | None = None, affine: np.ndarray = AFFINE) -> None:
        """Write a NIfTI file, of noise in a box where no data are given."""
        nib.save(nib.Nifti1Image(self.noise() if data is None else data, affine), self.path(name))

    def patch(self, name: str, **values: list | int) -> None:
        """Change fields of a file's header as bytes, which no library would write."""
        content = bytearray(gzip.decompress(self.path(name).read_bytes()))
        for key, value in values.items():
            kind = {"dim": "h", "datatype": "h", "units": "B", "qcode": "h", "scode": "h"}.get(key, "f")
            numbers = value if isinstance(value, list) else [value]
            struct.pack_into(f"<{len(numbers)}{kind}", content, OFFSETS[key], *numbers)
        self.path(name).write_bytes(gzip.compress(content))

    def method(self, text: str, name: str = "mine") -> None:
        """Add a method file in a folder of the study's own, and have the task run it."""
        folder = self.path("methods")
        folder.mkdir(exist_ok=True)
        head = f'use rule run as {name} with:\n    wildcard_constraints:\n        method="{name}",\n    params:\n'
        (folder / f"{name}.smk").write_text(head + f'        label="Mine",\n        {text},\n')
        self.study["method_folders"] = [str(folder)]
        self.task["methods"] = ["identity", name]

    def variant(self, name: str, **options: object) -> None:
        self.study.setdefault("methods", {})[name] = {"variants": {"default": options}}
        self.task["methods"] = ["identity", name]

    def write(self) -> Path:
        with self.path("scans.csv").open("w", newline="", encoding="utf8") as file:
            table = csv.DictWriter(file, list(dict.fromkeys(key for row in self.rows for key in row)))
            table.writeheader()
            table.writerows(self.rows)
        path = self.path("study.yaml")
        path.write_text(self.text or yaml.safe_dump(self.study), encoding="utf8")
        return path

    @property
    def plan(self) -> Workflow:
        return Workflow.from_file(self.write(), self.folder / "results")

    def problems(self, path: Path | None = None) -> list[Problem]:
        """What `regbench check` tells."""
        found: list[Problem] = []
        path = path or self.write()
        with collected(found, str(path)):
            found += check_plan(Workflow.from_file(path, self.folder / "results"), threads=2).problems
        return found
