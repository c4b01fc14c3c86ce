"""The commands for one pair, `regbench register` and `regbench apply`, and for one method, `new-method` and `test-method`."""

import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from regbench.methods.contract import importable, load_method
from regbench.methods.discovery import MethodFile, discover
from regbench.plan import METHODS
from regbench.problems import MethodFailed, nearest
from regbench.progress import log_to
from regbench.provenance import cores
from regbench.study import LimitSettings

REGISTER = """Examples:

    regbench register t1.nii.gz t2.nii.gz -o field.nii.gz --warped t2_on_t1.nii.gz

    regbench register fixed.nii.gz moving.nii.gz --method syn -o field.nii.gz --labels atlas.nii.gz --warped-labels out.nii.gz

    regbench register fixed.nii.gz moving.nii.gz --method dmi_fast --model results/demo/models/mono/dmi_fast/default/r0/model.pt -o field.nii.gz
"""
APPLY = """Examples:

    regbench apply field.nii.gz moving.nii.gz -o warped.nii.gz

    regbench apply field.nii.gz moving_labels.nii.gz --labels -o warped_labels.nii.gz

    regbench apply field.nii.gz fixed_points.csv --points -o on_moving.csv
"""
NEW_METHOD = """Examples:

    regbench new-method mine

    regbench new-method mine --command --folder my_methods
"""
TEST_METHOD = """Examples:

    regbench test-method mine

    regbench test-method mine --methods my_methods --set share=0.5

    regbench test-method dmi_fast --model results/demo/models/mono/dmi_fast/default/r0/model.pt
"""
CORES = cores()
MEMORY_GB = round(0.9 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
VOLUME_FILES, POINT_FILES = (".nii.gz", ".nii"), (".csv", ".fcsv", ".mrk.json")
Image = Annotated[Path, typer.Argument(help="NIfTI, any orientation and spacing")]
Volume = Annotated[Path | None, typer.Option(help="NIfTI file")]


def register(
    fixed: Image,
    moving: Image,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="the field to write (.nii.gz): ITK, LPS mm, affine included")
    ],
    method: Annotated[str, typer.Option(help="a name of `regbench list methods`")] = "dmi_io",
    warped: Annotated[Path | None, typer.Option(help="write the moving image on the fixed grid")] = None,
    labels: Annotated[Path | None, typer.Option(help="labels of the moving image")] = None,
    warped_labels: Annotated[Path | None, typer.Option(help="write them on the fixed grid")] = None,
    mask: Annotated[Path | None, typer.Option(help="brain mask of the fixed image; cuts out both")] = None,
    moving_mask: Annotated[Path | None, typer.Option(help="brain mask of the moving image")] = None,
    model: Annotated[Path | None, typer.Option(help="a learned method's model.pt")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; all that there are")] = CORES,
    hours: Annotated[float, typer.Option(min=0, help="time limit of the method")] = 24.0,
    memory_gb: Annotated[float, typer.Option(min=0, help="memory limit of the method")] = MEMORY_GB,
    affine: Annotated[bool, typer.Option("--affine/--no-affine", help="align affinely first")] = True,
    spacing: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="mm between voxels of the working grid; 1, or the fixed image's if coarser"
        ),
    ] = None,
    set_: Annotated[
        list[str], typer.Option("--set", help="an option of the method, NAME=VALUE; may be repeated")
    ] = [],  # noqa: B006
    methods: Annotated[list[Path], typer.Option(help="a further folder of methods; may be repeated")] = [],  # noqa: B006
) -> None:
    """Register MOVING to FIXED, two raw scans, with any method."""
    found = _discovered(methods)
    chosen = _usable(_chosen(found, method))
    options = _options(chosen, set_)
    trained_by = found[chosen.model_of].python if chosen.model_of else None
    if (labels is None) != (warped_labels is None):
        raise ValueError("--labels and --warped-labels go together: the first is read, the second written")
    _writable(out, warped, warped_labels)
    _apart([out, warped, warped_labels], [fixed, moving, labels, mask, moving_mask, model])
    kind = _device(device, chosen)
    log = out.with_name(out.name.removesuffix(".gz").removesuffix(".nii") + ".log")
    log_to(log)
    # Heavy imports come after all that can be wrong without them.
    from regbench.apply import warped_image
    from regbench.apply import warped_labels as on_fixed
    from regbench.geometry.fields import write_field
    from regbench.geometry.images import read_volume, write_volume
    from regbench.register import Request
    from regbench.register import register as run

    moved = _read_labels(labels) if labels else None
    done = run(Request(
        fixed=fixed, moving=moving, method=chosen, options=options, log=log, mask=mask, moving_mask=moving_mask,
        model=model, trained_by=trained_by, affine=affine, spacing=spacing, device=kind, threads=threads,
        limits=LimitSettings(run_seconds=hours * 3600, memory_gb=memory_gb),
    ))  # fmt: skip
    write_field(out, done.field, done.grid)
    written = [out]
    if warped:
        write_volume(warped, warped_image(done.field, done.grid, read_volume(moving)), done.grid)
        written.append(warped)
    if moved is not None and warped_labels:
        write_volume(warped_labels, on_fixed(done.field, done.grid, moved), done.grid)
        written.append(warped_labels)
    print(_told(done.summary, chosen.label))
    print("wrote " + ", ".join(map(str, written)))


def apply(
    field: Annotated[Path, typer.Argument(help="a displacement field: NIfTI, ITK convention, LPS mm")],
    image: Annotated[Path, typer.Argument(help="the moving image, its labels, or landmarks (CSV, fcsv)")],
    out: Annotated[Path, typer.Option("--out", "-o", help="the file to write")],
    labels: Annotated[
        bool, typer.Option("--labels", help="whole numbers: nearest instead of linear")
    ] = False,
    points: Annotated[
        bool, typer.Option("--points", help="landmarks of the fixed image, taken to the moving one")
    ] = False,
    inverse: Annotated[
        bool, typer.Option("--inverse", help="landmarks of the moving image, taken to the fixed one")
    ] = False,
) -> None:
    """Bring a moving image or its labels onto a field's grid, or take landmarks along it."""
    log_to(None)
    if labels and points:
        raise ValueError("--labels and --points: choose one")
    if inverse and not points:
        raise ValueError("--inverse is for --points; for images, register them the other way round")
    _apart([out], [field, image])
    _writable(out, endings=POINT_FILES if points else VOLUME_FILES)
    from regbench.apply import warped_image, warped_labels
    from regbench.geometry.fields import read_field
    from regbench.geometry.images import read_volume, write_volume

    u, grid = read_field(field)
    if points:
        _apply_to_points(u, grid, image, out, inverse)
    elif labels:
        write_volume(out, warped_labels(u, grid, _read_labels(image)), grid)
    else:
        write_volume(out, warped_image(u, grid, read_volume(image)), grid)
    print(f"wrote {out}")


def _apply_to_points(u: Any, grid: Any, path: Path, out: Path, inverse: bool) -> None:
    """Landmarks in voxels are taken to be indices of the field's grid, the fixed image's; ValueError names those lost."""
    from dataclasses import replace

    import numpy as np

    from regbench.apply import to_fixed, to_moving
    from regbench.geometry.landmarks import check_inside, read_landmarks, write_landmarks

    if inverse:
        found = read_landmarks(path)
        moved = to_fixed(found.points, u, grid)
        if lost := [found.name(n) for n in np.flatnonzero(np.isnan(moved).any(axis=0))]:
            raise ValueError(f"{path}: the field reaches no point of the fixed image for {', '.join(lost)}")
    else:
        found = read_landmarks(path, grid)
        check_inside(found, grid, "outside the field's grid; are they landmarks of the fixed image?")
        moved = to_moving(found.points, u, grid)
    write_landmarks(out, replace(found, points=moved))


def new_method(
    name: Annotated[str, typer.Argument(help="letters, digits and _; the file's name")],
    command: Annotated[
        bool, typer.Option("--command/--python", help="a program of any language, or a Python class")
    ] = False,
    folder: Annotated[
        Path, typer.Option(help="where; one that is not regbench's own goes into `method_folders`")
    ] = METHODS,
) -> None:
    """Write a new method's file and a working example of what it runs; the next `snakemake` has it in every table."""
    from regbench.new_method import new_method as write

    declared, program = write(name, folder, command)
    print(
        f"wrote {declared} (its row, options and devices)\nwrote {program} (replace the example by your method)"
    )


def try_method(
    name: Annotated[str, typer.Argument(help="a name of `regbench list methods`")],
    methods: Annotated[list[Path], typer.Option(help="a further folder of methods; may be repeated")] = [],  # noqa: B006
    set_: Annotated[
        list[str], typer.Option("--set", help="an option of the method, NAME=VALUE; may be repeated")
    ] = [],  # noqa: B006
    model: Annotated[Path | None, typer.Option(help="a learned method's model.pt")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="time limit of a run")] = 600.0,
) -> None:
    """Try a method on made images with known answers; tells the classic mistakes of displacement fields in words."""
    found = _discovered(methods)
    options = _options(_usable(_chosen(found, name)), set_)
    from regbench.trial import try_method as findings

    failed = 0
    with tempfile.TemporaryDirectory(prefix="regbench-test-method-") as folder:
        for finding in findings(found, name, options, Path(folder), model, seconds):
            failed += finding.outcome == "FAILED"
            print(f"{finding.outcome:9}{finding.check:28}{finding.words}", flush=True)
    if failed:
        raise MethodFailed(f"method {name}: {failed} of its checks failed")


def _discovered(folders: list[Path]) -> dict[str, MethodFile]:
    """The methods of regbench's own folder and of further ones."""
    return discover(list(dict.fromkeys(path.resolve() for path in [METHODS, *folders])))


def _chosen(found: dict[str, MethodFile], name: str) -> MethodFile:
    if name not in found:
        raise ValueError(f"no method {name!r}{nearest(name, found)}; there are {', '.join(found)}")
    return found[name]


def _usable(method: MethodFile) -> MethodFile:
    """The method; ValueError where the environment it names does not do."""
    if method.own_environment:
        from regbench.check.environments import environment_problem

        if problem := environment_problem(method):
            raise ValueError(str(problem))
    return method


def _options(method: MethodFile, words: list[str]) -> dict[str, Any]:
    """The method file's options with those of `--set` laid over them, read as YAML; ValueError where it refuses them."""
    options = dict(method.options)
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"--set {word}: expected NAME=VALUE")
        try:
            options[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"--set {word}: the value is not YAML ({error})") from error
        if isinstance(options[name], str) and isinstance(method.options.get(name), int | float):
            options[name] = _number(word, value)
    if words and method.python and not method.own_environment:
        with importable(method.path.parent):
            load_method(method.python, options)
    elif unknown := [name for name in options if name not in method.options]:
        raise ValueError(
            f"--set {unknown[0]}: method {method.name} has {', '.join(method.options) or 'no options'}"
        )
    return options


def _number(word: str, value: str) -> float:
    """YAML takes 1e-4, which lacks a point, for text."""
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"--set {word}: expected a number") from None


def _device(wanted: str, method: MethodFile) -> str:
    """cpu or cuda; `cuda:N` leaves only that one visible. ValueError where it is not there, or no use to the method."""
    kind, _, number = wanted.partition(":")
    if kind not in ("cpu", "cuda") or (number and not (kind == "cuda" and number.isdigit())):
        raise ValueError(f"--device {wanted}: expected cpu, cuda or cuda:N")
    if kind not in method.devices:
        raise ValueError(f"--device {wanted}: method {method.name} runs on {', '.join(method.devices)}")
    if kind == "cuda":
        import torch

        there = torch.cuda.device_count()
        if int(number or 0) >= there:
            raise ValueError(f"--device {wanted}: torch sees {there} CUDA devices here; use --device cpu")
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(there)))).split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[int(number or 0)]  # torch counts those that are visible
    return kind


def _writable(*paths: Path | None, endings: tuple[str, ...] = VOLUME_FILES) -> None:
    """Refuse, before minutes are spent, what could not be written at the end."""
    for path in filter(None, paths):
        if not path.name.endswith(endings):
            raise ValueError(f"{path}: expected a name that ends in {' or '.join(endings)}")
        if not path.parent.is_dir():
            raise ValueError(f"{path}: no such folder: {path.parent}; make it first")
        if not os.access(path.parent, os.W_OK):
            raise ValueError(f"{path}: the folder {path.parent} cannot be written to")


def _apart(written: list[Path | None], read: list[Path | None]) -> None:
    """Refuse to write over what is read, or two results into one file."""
    outputs = [path.resolve() for path in written if path]
    inputs = {path.resolve() for path in read if path}
    for path in outputs:
        if path in inputs or outputs.count(path) > 1:
            raise ValueError(
                f"{path}: named twice, to be written and for something else; choose another name"
            )


def _read_labels(path: Path) -> Any:
    import numpy as np

    from regbench.geometry.images import read_volume

    return read_volume(path, dtype=np.int32)


def _told(summary: dict[str, float], label: str) -> str:
    """What a person wants to know after a registration."""
    return (
        f"mutual information in the foreground: {summary['mi_before']:.3f} nat after the affine alignment, "
        f"{summary['mi_after']:.3f} after {label}\n"
        f"displacement up to {summary['largest']:.1f} mm beyond the affine; folding {summary['folding']:.3f} %\n"
        f"{label} took {summary['compute']:.1f} s (reading {summary['load']:.1f} s, writing {summary['save']:.1f} s)"
    )
