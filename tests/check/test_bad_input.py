"""One table of all kinds of bad input: each is told with its file or key, what was expected, and what to do."""

import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from regbench.geometry.grid import Grid
from regbench.models.files import ModelFacts, load_model
from tests.check.world import AFFINE, SHAPE, World

T1, LABELS, MASK = "s5_T1w.nii.gz", "s5_labels.nii.gz", "s5_mask.nii.gz"


@dataclass(frozen=True)
class Case:
    """`spoil` changes one thing of a sound study; one problem must then hold all of `says`, place first, remedy last."""

    name: str
    spoil: Callable[[World], object]
    says: tuple[str, ...]
    level: str = "error"


def text(content: str) -> Callable[[World], None]:
    return lambda w: setattr(w, "text", content)


def filled(value: float, dtype: type = np.float32) -> np.ndarray:
    return np.full(SHAPE, value, dtype)


def one_voxel(value: float) -> Callable[[World], None]:
    def spoil(w: World) -> None:
        data = w.noise()
        data[4, 4, 4] = value
        w.scan(T1, data)

    return spoil


def cut(name: str, keep: float = 0.5) -> Callable[[World], int]:
    return lambda w: w.path(name).write_bytes(
        w.path(name).read_bytes()[: int(keep * w.path(name).stat().st_size)]
    )


def uncompressed_cut(w: World) -> None:
    w.scan("cut.nii")
    cut("cut.nii")(w)
    w.rows[8]["image"] = "cut.nii"


def renamed(name: str, content: bytes | None = None) -> Callable[[World], None]:
    """The T1w image of subject s5 under another name, or with other content."""

    def spoil(w: World) -> None:
        w.rows[8]["image"] = name
        w.path(name).write_bytes(w.path(T1).read_bytes() if content is None else content)

    return spoil


def marks(text: str) -> Callable[[World], None]:
    """Landmarks of the T1w image of subject s5."""

    def spoil(w: World) -> None:
        w.path("points.csv").write_text(text)
        for number, each in enumerate(w.rows):
            each["landmarks"] = "points.csv" if number == 8 else ""

    return spoil


def row(number: int, **cells: str) -> Callable[[World], None]:
    return lambda w: w.rows[number].update(cells)


def rows(keep: Callable[[dict], bool]) -> Callable[[World], None]:
    return lambda w: setattr(w, "rows", [each for each in w.rows if keep(each)])


def split(**names: str) -> Callable[[World], None]:
    return lambda w: [
        each.update(split=names[each["subject"]]) for each in w.rows if each["subject"] in names
    ]


def folder_as_image(w: World) -> None:
    w.path("dicom").mkdir()
    w.rows[8]["image"] = "dicom"


def sheared() -> np.ndarray:
    affine = AFFINE.copy()
    affine[0, 1] = 0.5
    return affine


def qform(shift: float, qcode: int = 1, scode: int = 1) -> Callable[[World], None]:
    return lambda w: w.patch(T1, qcode=qcode, scode=scode, qoffset=[shift, 0, 0], quatern=[0, 0, 1])


def pattern_that_climbs(w: World) -> None:
    w.mine["images"] = {"T1w": "{image}"}
    w.rows = [
        {k: each[k] for k in ("subject", "split", "image")} for each in w.rows if each["contrast"] == "T1w"
    ]
    w.rows[0]["image"] = "../secret.nii.gz"


def unreadable(w: World) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read every file")
    w.path(T1).chmod(0)


def elsewhere(fields: str) -> Callable[[World], None]:
    """Fields made by another tool, of which s5_s6.nii.gz is there."""

    def spoil(w: World) -> None:
        w.path("s5_s6.nii.gz").touch()
        w.variant("precomputed", fields=str(w.path(fields)))

    return spoil


def leak_with_a_warning(w: World) -> None:
    """One scan under the names of a training and a test subject, whose header is of unusual size."""
    for name in ("s1_T1w.nii.gz", T1):
        w.scan(name, np.arange(10 * 11 * 12, dtype=np.float32).reshape(SHAPE), np.diag([2.0, 2, 12, 1]))


def no_disk(w: World) -> None:
    w.task["grid"]["shape"] = [64, 64, 64]
    usage = shutil.disk_usage(w.folder)._replace(free=2**20)
    w.monkeypatch.setattr("regbench.check.machine.shutil.disk_usage", lambda _: usage)


def no_device(w: World) -> None:
    w.study["device"] = "cuda"
    w.monkeypatch.setattr("torch.cuda.is_available", lambda: False)


STUDY = "study.yaml"
CASES = [
    # the study's file
    Case("not YAML", text("study: tiny\ntasks: [1, 2\nthreads: 3\n"), (f"{STUDY}, line 3", "not valid YAML", "check indentation")),
    Case("YAML that runs code", text("study: !!python/object/apply:os.getcwd []\n"), (f"{STUDY}, line 1", "run code; expected plain values", "remove it")),
    Case("a key twice", text("study: a\nthreads: 1\nstudy: b\n"), (f"{STUDY}, line 3", "'study' is given twice, first in line 1", "keep one")),
    Case("a key twice in one line", text("study: a\nlimits: {memory_gb: 1, memory_gb: 2}\n"), (f"{STUDY}, line 2", "'memory_gb' is given twice, first in line 2", "keep one")),
    Case("a list", text("- study\n"), (STUDY, "expected a mapping of settings, found list", "config.yaml")),
    Case("nothing", text(" \n"), (STUDY, "expected a mapping of settings, found NoneType", "config.yaml")),
    Case("unknown key", lambda w: w.study.update(thraeds=2), ("thraeds: unknown key", "did you mean 'threads'", "expected some of")),
    Case("unknown key, deep", lambda w: w.task.update(prepare={"afine": {}}), ("tasks.mono.prepare.afine: unknown key", "did you mean 'affine'", "expected some of")),
    Case("unknown key of a dataset", lambda w: w.mine.update(lables="x"), ("datasets.mine.lables: unknown key", "did you mean 'labels'", "expected some of")),
    Case("wrong type", lambda w: w.study.update(threads="two"), ("threads: input should be a valid integer", "found 'two'", "correct it")),
    Case("number out of range", lambda w: w.task["grid"].update(shape=[12, 12, 2]), ("tasks.mono.grid.shape.2: input should be greater than or equal to 8", "found 2", "correct it")),
    Case("missing key", lambda w: w.task.pop("grid"), ("tasks.mono.grid: this key is missing", "add it")),
    Case("no task", lambda w: w.study.update(tasks={}), ("tasks: ", "at least 1 item", "found {}", "correct it")),
    Case("study name that leaves results", lambda w: w.study.update(study="../../home"), ("study: '../../home' cannot be a name, it becomes part of paths", "use letters")),
    Case("unknown dataset", lambda w: w.task.update(dataset="mien"), ("tasks.mono.dataset: no dataset 'mien'", "did you mean 'mine'", "expected one of mine")),
    Case("unknown type of dataset", lambda w: w.mine.update(type="manifst"), ("datasets.mine.type: no dataset type 'manifst'", "did you mean 'manifest'", "known: ")),
    Case("within-subject task with one contrast", lambda w: w.task.update(pairing="within"), ("tasks.mono: a within-subject task needs two different contrasts", "set `moving`")),
    # what it names
    Case("unknown method", lambda w: w.task.update(methods=["identty"]), ("tasks.mono.methods: unknown method 'identty'", "did you mean 'identity'", "found ")),
    Case("settings of an unknown method", lambda w: w.study.update(methods={"sin": {}}), ("methods: unknown method 'sin'", "did you mean 'syn'", "found ")),
    Case("no such folder of methods", lambda w: w.study.update(method_folders=["nowhere"]), ("nowhere: no such folder of methods", "correct `method_folders`")),
    Case("method file that is no rule", lambda w: w.method("label"), ("mine.smk:", "expected `use rule run as NAME with:`")),
    Case("method whose package is not there", lambda w: w.method('python="a:B", packages=["no_such_package"]'), ("mine.smk: method mine needs no_such_package, which is not installed", "pip install it")),
    Case("method whose environment is not there", lambda w: w.method('python="a:B", venv="gone"'), ("mine.smk: method mine cannot run in its venv gone", "python3 -m venv")),
    Case("method whose package's package is not there", lambda w: w.method('python="a:B", packages=["no_such_package.part"]'), ("mine.smk: method mine needs no_such_package.part, which is not installed", "pip install it")),
    Case("fields made elsewhere that are not there", elsewhere("{fixed}_{moving}_lost.nii.gz"), ("methods.precomputed.variants.default: 2 of the 2 files for the test pairs of mono are not there: ", "s5_s6_lost.nii.gz", "correct `fields`, or make the files")),
    Case("some fields made elsewhere that are not there", elsewhere("{fixed}_{moving}.nii.gz"), ("methods.precomputed.variants.default: 1 of the 2 files for the test pairs of mono are not there: ", "s6_s5.nii.gz", "make the files"), "warning"),
    Case("masks for a method that has none", lambda w: (w.variant("syn", use_mask=True), w.task.update(prepare={"mask": "none"})), ("tasks.mono.prepare.mask: `use_mask` of syn, variant default, needs masks", "set it to `dataset` or `threshold`, or `use_mask` to false")),
    Case("masks for a command that has none", lambda w: (w.method('command="tool FIXED MOVING OUT --mask FIXED_MASK"'), w.task.update(prepare={"mask": "none"})), ("tasks.mono.prepare.mask: the command of mine needs masks", "set it to `dataset` or `threshold`, or leave mine out")),
    Case("method whose class is not there", lambda w: w.method('python="regbench.methods.syn:Sin"'), ("methods.mine.variants.default: ", "expected 'package.module:Class'")),
    Case("unknown option of a class", lambda w: w.variant("syn", iteratons=[1]), ("methods.syn.variants.default.iteratons: unknown option", "did you mean 'iterations'", "expected some of")),
    Case("unknown option of a training", lambda w: w.variant("dmi", learning_rte=1.0), ("methods.dmi.variants.default.learning_rte: unknown option", "did you mean 'learning_rate'", "expected some of")),
    Case("unknown option of a command", lambda w: (w.method('command="tool FIXED MOVING OUT --mode MODE", options={"mode": "fast"}'), w.variant("mine", mod="slow")), ("methods.mine.variants.default.mod: unknown option", "did you mean 'mode'", "expected some of mode")),
    Case("unknown option of a grid", lambda w: w.study.update(methods={"syn": {"grid": {"iteratons": [[1], [2]]}}}) or w.task.update(methods=["identity", "syn"]), ("methods.syn.grid.iteratons: unknown option", "did you mean 'iterations'", "expected some of")),
    Case("setting that does not go with the study's default", lambda w: (w.variant("syn", iterations=[9], shrink_factors=[1], smoothing_sigmas=[0]), w.study.update(tuning={"settings": 3})), ("syn.smk: TUNING, setting 3: ", "must be of one length")),
    Case("nothing to choose from", lambda w: w.study.update(tuning={}), ("tuning: no method of the study's tasks has settings to choose from", "or set `tuning: null`")),
    Case("value that a method refuses", lambda w: w.variant("dmi", schedule="cosin"), ("methods.dmi.variants.default: schedule='cosin'", "expected 'constant' or 'cosine'")),
    Case("unknown metric of a method", lambda w: w.variant("syn", metric="Matte"), ("methods.syn.variants.default: metric='Matte'", "did you mean 'Mattes'", "expected one of")),
    Case("number that YAML reads as text", lambda w: w.variant("dmi", learning_rate="1e-4"), ("methods.dmi.variants.default.learning_rate: the text '1e-4', expected a number", "write 1e-4 as 1.0e-4")),
    Case("method that cannot do the task", lambda w: (w.study["datasets"], w.task.update(fixed="T1w", moving="T2w", table=2, methods=["identity", "voxelmorph"])), ("tasks.mono.methods: voxelmorph cannot do this task and is left out", "mono-modal tasks, this one is multi-modal"), "warning"),
    Case("no method for the task", lambda w: w.task.update(methods=["truth"]), ("tasks.mono.methods: no method can do this task", "name one that can")),
    Case("model of a method that is not in the task", lambda w: w.task.update(methods=["dmi_fast_io"]), ("tasks.mono.methods: dmi_fast_io runs with the models of dmi_fast, which is not among", "add it")),
    Case("unknown contrast", lambda w: w.task.update(moving="T2"), ("tasks.mono.moving: no contrast 'T2'", "did you mean 'T2w'", "expected one of T1w, T2w")),
    Case("second contrast that is not there", lambda w: (w.task.update(pairing="within", moving="FLAIR")), ("tasks.mono.moving: no contrast 'FLAIR'", "expected one of T1w, T2w")),
    Case("reference that is no training subject", lambda w: w.task.update(prepare={"affine": {"reference": "s5"}}), ("tasks.mono.prepare.affine", "'s5' is not a training subject", "name one of s1")),
    # the table and its split
    Case("no such table", lambda w: w.mine.update(path="nowhere.csv"), ("nowhere.csv: no such file", "`path` is the table of scans")),
    Case("missing column", lambda w: w.mine.update(columns={"group": "person"}), ("scans.csv: no column person", "found subject", "`columns` maps")),
    Case("missing file", row(8, image="s5_T1.nii.gz"), ("scans.csv, line 10: no such file: ", "s5_T1.nii.gz", "correct the name")),
    Case("folder of DICOM files", folder_as_image, ("scans.csv, line 10: ", "is a folder, expected a NIfTI file", "dcm2niix")),
    Case("subject twice", lambda w: w.rows.append(dict(w.rows[0])), ("scans.csv, line 14: subject 's1' is listed twice with contrast 'T1w'", "keep one")),
    Case("subject in two splits", row(9, split="train"), ("scans.csv, line 11: subject 's5' has split 'train'", "'test'", "one side of the split")),
    Case("person in two splits", lambda w: [r.update(group="anna") for r in w.rows if r["subject"] in ("s1", "s5")], ("scans.csv: the split leaks: 's1' (train) and 's5' (test) are both of group 'anna'", "keep a person on one side")),
    Case("scan under two names in two splits", lambda w: shutil.copy(w.path("s1_T1w.nii.gz"), w.path(T1)), (f"{T1}: the same voxels as ", "s1_T1w.nii.gz of subject s1 (train)", "the split leaks", "keep the scan once")),
    Case("scan with a warning under two names", leak_with_a_warning, (f"{T1}: the same voxels as ", "s1_T1w.nii.gz of subject s1 (train)", "the split leaks", "keep the scan once")),
    Case("unknown split", split(s5="tset"), ("scans.csv: subject 's5': split 'tset' is none of train, val, test", "did you mean 'test'", "correct it")),
    Case("name that cannot be part of a path", lambda w: [r.update(subject="../s5") for r in w.rows if r["subject"] == "s5"], ("scans.csv: subject '../s5': names are letters", "rename it")),
    Case("cell that leads out of a pattern's folder", pattern_that_climbs, ("scans.csv, line 2: the cell '../secret.nii.gz' of column 'image' leads out of the folder", "write a name below that folder")),
    Case("pattern with an unknown column", lambda w: w.mine.update(images={"T1w": "{scan}.nii.gz"}), ("scans.csv, line 2: a pattern names the column 'scan'", "it has subject")),
    Case("subject without a contrast", rows(lambda r: (r["subject"], r["contrast"]) != ("s5", "T2w")), ("scans.csv: subject 's5' has no image of contrast T2w", "drop the subject")),
    Case("empty table", rows(lambda r: False), ("scans.csv: ", "no column", "found an empty file")),
    Case("empty split", rows(lambda r: r["split"] != "test"), ("tasks.mono: no test pair: dataset mine has 0 test subjects, expected at least two", "more subjects into the split `test`")),
    Case("nobody to pair with", rows(lambda r: r["subject"] != "s6"), ("tasks.mono: no test pair: dataset mine has 1 test subjects, expected at least two", "more subjects")),
    Case("nobody to train on", lambda w: (rows(lambda r: r["subject"] != "s1")(w), w.task.update(methods=["identity", "dmi"])), ("tasks.mono: no train pair", "have nothing to learn from", "the split `train`")),
    Case("nobody to validate on", lambda w: (rows(lambda r: r["split"] != "val")(w), w.task.update(methods=["identity", "dmi"])), ("tasks.mono: no val pair", "keeps its last step", "the split `val`"), "warning"),
    # files that are no image
    Case("truncated, gzipped", cut(T1), (f"{T1}: the voxels cannot be read, the file may be cut short", "copy or export it again")),
    Case("truncated", uncompressed_cut, ("cut.nii: the voxels cannot be read, the file may be cut short", "copy or export it again")),
    Case("header cut short", cut(T1, 0.02), (f"{T1}: cannot be read as NIfTI", "copy or export it again")),
    Case("empty file", lambda w: w.path(T1).write_bytes(b""), (f"{T1}: the file is empty (0 bytes), expected NIfTI", "copy or export it again")),
    Case("DICOM", renamed("s5.dcm", bytes(128) + b"DICM" + bytes(64)), ("s5.dcm: a DICOM file, expected NIfTI", "dcm2niix")),
    Case("DICOM under another name", renamed(T1, bytes(128) + b"DICM" + bytes(64)), (f"{T1}: a DICOM file, expected NIfTI", "dcm2niix")),
    Case("another format", renamed("s5.mgz"), ("s5.mgz: expected NIfTI (.nii or .nii.gz), found .mgz", "mri_convert")),
    Case("another ending", renamed("s5.txt", b"not an image"), ("s5.txt: expected NIfTI (.nii or .nii.gz), found .txt", "correct the name")),
    Case("gzipped, not named so", renamed("s5.nii"), ("s5.nii: gzipped, but its name does not end in .gz", "rename it")),
    Case("text in an image's name", renamed("s5_.nii", b"not an image" * 99), ("s5_.nii: cannot be read as NIfTI", "copy or export it again")),
    Case("braces in a name", renamed("s5_{run}.nii.gz"), ("s5_{run}.nii.gz: braces in a file's name, which Snakemake takes for wildcards", "rename it")),
    Case("not to be read", unreadable, (f"{T1}: it may not be read by this user", "chmod a+r")),
    # voxels
    Case("NaN", one_voxel(np.nan), (f"{T1}: 1 voxels are NaN or infinite", "replace them")),
    Case("infinite", one_voxel(np.inf), (f"{T1}: 1 voxels are NaN or infinite", "replace them")),
    Case("constant", lambda w: w.scan(T1, filled(7)), (f"{T1}: constant: every voxel is 7, expected an image", "is it the right file?")),
    Case("air below zero", lambda w: w.scan(T1, w.noise() - 1000), (f"{T1}: negative values at the image's border", "expects an outside of 0 or more", "add a constant"), "warning"),
    Case("2-D", lambda w: w.scan(T1, w.noise()[:, :, 0]), (f"{T1}: shape (10, 11) is not one 3-D volume", "extract the volume")),
    Case("4-D", lambda w: w.scan(T1, np.stack([w.noise()] * 3, axis=-1)), (f"{T1}: shape (10, 11, 12, 3) is not one 3-D volume", "extract the volume")),
    Case("complex", lambda w: w.scan(T1, w.noise().astype(np.complex64)), (f"{T1}: voxels are complex64, expected one real number each", "convert it")),
    # headers
    Case("zero affine", lambda w: w.patch(T1, srow=[0.0] * 12), (f"{T1}: the affine ", "is singular, expected one that can be inverted", "into the header")),
    Case("singular affine", lambda w: w.patch(T1, srow=[2, 2, 0, 0, 2, 2, 0, 0, 0, 0, 2, 0]), (f"{T1}: the affine ", "is singular, expected one that can be inverted", "into the header")),
    Case("affine that is no number", lambda w: w.patch(T1, srow=[float("nan")] * 12), (f"{T1}: the affine ", "is singular, expected one that can be inverted", "into the header")),
    Case("sheared affine", lambda w: w.scan(T1, affine=sheared()), (f"{T1}: the axes of the affine are not at right angles", "right where it was meant so"), "warning"),
    Case("qform and sform of one space far apart", qform(30), (f"{T1}: qform (scanner) and sform (scanner) are up to ", "mm apart", "expected less than 1 mm", "set both")),
    Case("qform and sform of two spaces", qform(30, scode=4), (f"{T1}: qform (scanner) and sform (MNI) are up to ", "mm apart", "set both"), "warning"),
    Case("neither qform nor sform", lambda w: w.patch(T1, qcode=0, scode=0), (f"{T1}: neither qform nor sform is set", "with its orientation"), "warning"),
    Case("zero voxel size", lambda w: w.patch(T1, pixdim=[1, 0, 2, 2]), (f"{T1}: voxel size 0 x 2 x 2 mm in the header, expected three sizes above zero", "into the header")),
    Case("huge voxel size", lambda w: w.scan(T1, affine=np.diag([2000.0, 2000, 2000, 1])), (f"{T1}: voxel size 2000 x 2000 x 2000 mm, expected 0.01 to 50 mm", "are its units mm?")),
    Case("unusual voxel size", lambda w: w.scan(T1, affine=np.diag([2.0, 2, 12, 1])), (f"{T1}: voxel size 2 x 2 x 12 mm, usual is 0.2 to 8 mm", "is it meant so?"), "warning"),
    Case("header in metres", lambda w: w.patch(T1, units=1), (f"{T1}: the header's unit is metres, expected mm", "convert sizes"), "warning"),
    Case("image too large for the memory limit", lambda w: w.patch(T1, dim=[3, 9000, 9000, 9000]), (f"{T1}: shape (9000, 9000, 9000) takes ", "limits.memory_gb is 16", "resample or crop it")),
    Case("unknown type of voxel", lambda w: w.patch(T1, datatype=77), (f"{T1}: cannot be read", "copy or export it again")),
    # labels and masks
    Case("labels of another shape", lambda w: w.scan(LABELS, np.ones((5, 5, 5), np.uint8)), (f"{LABELS}: labels of shape (5, 5, 5) has another shape than ", "s5_T1w.nii.gz", "expected one grid", "nearest neighbour")),
    Case("labels elsewhere", lambda w: w.scan(LABELS, filled(1, np.uint8), np.diag([2.0, 2, 2.5, 1])), (f"{LABELS}: labels of shape (10, 11, 12) lies elsewhere (affine) than ", "expected one grid", "nearest neighbour")),
    Case("fractions as labels", lambda w: w.scan(LABELS, filled(0.5)), (f"{LABELS}: labels must be whole numbers, found fractions", "was it interpolated linearly?")),
    Case("negative labels", lambda w: w.scan(LABELS, filled(-2, np.int16)), (f"{LABELS}: labels go from -2, expected whole numbers from 0", "number above 0")),
    Case("empty labels", lambda w: w.scan(LABELS, filled(0, np.uint8)), (f"{LABELS}: no voxel is labelled", "is it the right file?")),
    Case("labels missing", lambda w: [r.update(labels="") for r in w.rows if r["subject"] == "s5"], ("datasets.mine: no labels for s5", "no DSC", "name labels for every subject"), "warning"),
    Case("empty mask", lambda w: w.scan(MASK, filled(0, np.uint8)), (f"{MASK}: the mask is empty, no voxel is above 0", "leave it out")),
    Case("mask of everything", lambda w: w.scan(MASK, filled(1, np.uint8)), (f"{MASK}: the mask holds every voxel, expected the brain", "is it the right file?"), "warning"),
    Case("mask missing where it is asked for", lambda w: (w.task.update(prepare={"mask": "dataset"}), [r.update(mask="") for r in w.rows if r["subject"] == "s5"]), ("datasets.mine: no mask for s5", "prepare.mask is `dataset`", "name mask for every subject")),
    Case("truth that is no field", lambda w: [r.update(truth=T1 if r["image"] == "s5_T2w.nii.gz" else "") for r in w.rows], (f"{T1}: shape (10, 11, 12) with intent 0 is not an ITK displacement field", "expected (D, H, W, 1, 3)")),
    Case("landmarks outside", marks("# coordinates: LPS\nname,x,y,z\ntip,4000,0,0\n"), ("points.csv: outside the image, expected inside (LPS mm): tip (4000.0, 0.0, 0.0); state the coordinates", "or correct the points")),
    Case("landmarks in coordinates nobody states", marks("name,x,y,z\ntip,1,2,3\n"), ("points.csv: coordinates stated as nothing", "expected a line `# coordinates: LPS`")),
    # the machine
    Case("grid too large for the memory limit", lambda w: w.task["grid"].update(shape=[2000, 2000, 2000]), ("tasks.mono.grid: 2000 x 2000 x 2000 voxels", "limits.memory_gb is 16", "choose a smaller grid")),
    Case("grid too large for the disk", no_disk, ("tasks.mono.grid: 64 x 64 x 64 voxels: one field is ", "has 0.0 GB left", "another disk")),
    Case("device that is not there", no_device, ("device: `cuda`, but torch finds no such device here", "set device to `cpu` or `auto`")),
    Case("more threads than the machine has", lambda w: w.study.update(threads=4096), ("threads: 4096 threads, this machine has ", "or fewer"), "warning"),
    Case("more processes than threads", lambda w: w.study.update(train_processes=2), ("train_processes: 2 processes with threads=1, expected at least a thread each", "use fewer")),
    Case("one visit of each person", lambda w: w.task.update(pairing="followup"), ("tasks.mono: no test pair: no person has two test scans, dataset mine has 2 test subjects", "put two or more visits of a person into the split `test`")),
    Case("figures of a pair that is none", lambda w: w.study.update(figures={"pair": ["s1", "s2"]}), ("figures.pair: no test pair ['s1', 's2'] in any task", "expected one such as ['s5', 's6']")),
    Case("figures of slices beyond the grid", lambda w: w.study.update(figures={"slices": [5, 5, 12]}), ("figures.slices: slices [5, 5, 12] lie beyond the grid of task mono", "expected less than [12, 12, 12]")),
    Case("batch that processes cannot share", lambda w: (w.study.update(train_processes=2, threads=2), w.variant("dmi", batch=3)), ("methods.dmi.variants.default.batch: 3 pairs a step cannot be divided", "choose a multiple")),
    Case("results that cannot be written", lambda w: w.path("results").write_text(""), ("results cannot be written", "is a file", "give another folder")),
]  # fmt: skip


def facts() -> ModelFacts:
    return ModelFacts("a:B", {}, (8, 8, 8), (3.0, 3.0, 3.0), np.eye(3).tolist(), ("T1w", "T2w"), seed=0)


def grid(spacing: float, turn: int = 1) -> Grid:
    return Grid((8, 8, 8), np.diag([turn * spacing, turn * spacing, spacing, 1.0]))


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"weights": np.ones(3)}))
    load_model(path)


def torch_file_of_objects(path: Path) -> None:
    torch.save({"format": 1, "weights": Path("x"), "facts": {}}, path)
    load_model(path)


# Models are given to `regbench register` and to runs, not to a study: who reads them tells.
MODELS = {
    "pickle instead of weights": (pickled, ("model.pt: not a model file of regbench", "expected weights", "that a training wrote")),
    "weights with objects": (torch_file_of_objects, ("model.pt: not a model file of regbench", "is refused", "expected weights")),
    "model that is not there": (load_model, ("model.pt: no such model file", "train it first")),
    "model of another contrast": (lambda path: facts().check_contrasts("T1w", "T1w", path), ("model.pt: trained to align T2w to T1w", "the pair is T1w to T1w", "use another model")),
    "model of another spacing": (lambda path: facts().check_grid(grid(2.0), path), ("model.pt: trained at a spacing of 3 x 3 x 3 mm", "have 2 x 2 x 2 mm", "resample them")),
    "model of another orientation": (lambda path: facts().check_grid(grid(3.0, turn=-1), path), ("model.pt: trained on images of another orientation", "prepare them as")),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_models_that_do_not_fit_are_told_with_file_expectation_and_remedy(tmp_path, name):
    read, says = MODELS[name]
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        read(tmp_path / "model.pt")
    assert all(words in str(caught.value) for words in says), caught.value


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    world = World(tmp_path)
    world.monkeypatch = monkeypatch
    return world


def test_a_sound_study_has_no_problem(world):
    assert world.problems() == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_is_told_once_with_its_place_what_was_expected_and_what_to_do(world, case):
    case.spoil(world)
    problems = world.problems()
    told = [str(p) for p in problems if p.level == case.level and p.todo]
    assert any(all(words in line for words in case.says) for line in told), problems
    assert len({p.where for p in problems if p.level == "error"}) == (case.level == "error"), problems


def test_there_are_forty_kinds_and_more():
    assert len({case.name for case in CASES}) == len(CASES) >= 40


def test_a_study_that_is_not_there_is_told(world):
    (problem,) = world.problems(world.path("nowhere.yaml"))
    assert "nowhere.yaml: no such file" in str(problem)
    assert "regbench list studies" in problem.todo


def test_all_problems_are_told_at_once(world):
    world.task["moving"] = "T2"
    world.study["method_folders"] = ["nowhere"]
    world.scan(T1, filled(7))
    world.scan("s6_T1w.nii.gz", filled(0.5))
    world.rows[0]["image"] = "lost.nii.gz"
    text = "\n".join(map(str, world.problems()))
    for place in (T1, "s6_T1w.nii.gz", "lost.nii.gz", "nowhere", "tasks.mono.moving"):
        assert place in text
