"""The study: one complete configuration, strictly validated (DESIGN.md, Words). Unknown keys are refused."""

import itertools
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from regbench.documents import read_mapping
from regbench.problems import Problem, Problems, nearest
from regbench.validation import validated

NAME = r"^[A-Za-z0-9][A-Za-z0-9.-]*(_[A-Za-z0-9.-]+)*$"  # no double underscore: it joins the names of a pair
Name = Annotated[str, Field(pattern=NAME)]
MODELS = rf"{NAME[:-1]}(/{NAME[1:-1]})?$"
Positive = Annotated[float, Field(gt=0)]
Index = Annotated[int, Field(ge=0)]


class Settings(BaseModel):
    """Base of all settings: immutable, and a mistyped key is an error, not a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AffineSettings(Settings):
    """How pairs are brought to affine alignment before any method sees them."""

    mode: Literal["reference", "pairwise", "none"] = "reference"
    reference: str | None = None  # a training subject's name; None takes the first training subject
    starts: Annotated[int, Field(ge=1)] = 12  # best rotations of the coarse search that are refined
    sampling: Annotated[float, Field(gt=0, le=1)] = 0.2  # share of voxels the MI is estimated from


class PrepareSettings(Settings):
    """What happens to a scan before registration; every step is recorded beside its result."""

    mask: Literal["dataset", "threshold", "none"] = "threshold"
    n4: bool = False
    percentiles: tuple[float, float] = (0.5, 99.5)  # of the voxels in the mask; mapped to 0 and 1
    affine: AffineSettings = AffineSettings()


class GridSettings(Settings):
    """The task's grid: LPS axes, spacing in mm, shape in voxels."""

    spacing: tuple[Positive, Positive, Positive]
    shape: tuple[Annotated[int, Field(ge=8)], Annotated[int, Field(ge=8)], Annotated[int, Field(ge=8)]]


class PairSettings(Settings):
    """How many ordered pairs of each split are used; None means all. Chosen by a seeded draw, never by result."""

    train: Annotated[int, Field(ge=1)] | None = None
    val: Annotated[int, Field(ge=1)] | None = None
    test: Annotated[int, Field(ge=1)] | None = None
    timed: Annotated[int, Field(ge=1)] = 2


class TaskSettings(Settings):
    """A dataset, a pairing rule, contrasts and a grid.

    `pairing: followup` moves a person's first scan (the first subject of a group) to each later one of the same split.
    `trained_on`: learned methods are not trained here but run with the models of another task, of this study or of
    another one beside it in the folder of results.
    """

    dataset: Name
    table: Literal[1, 2]
    pairing: Literal["between", "within", "followup"] = "between"
    fixed: str = "T1w"
    moving: str = "T1w"
    grid: GridSettings
    prepare: PrepareSettings = PrepareSettings()
    pairs: PairSettings = PairSettings()
    methods: Annotated[list[str], Field(min_length=1)] | None = None  # None: every one that can do this task
    trained_on: Annotated[str, Field(pattern=MODELS)] | None = None  # TASK or STUDY/TASK

    @property
    def modality(self) -> Literal["mono", "multi"]:
        return "mono" if self.fixed == self.moving else "multi"

    @model_validator(mode="after")
    def _two_images(self) -> "TaskSettings":
        if self.pairing == "within" and self.fixed == self.moving:
            raise ValueError(
                "a within-subject task needs two different contrasts; set `moving` to the second one"
            )
        return self


class DatasetSettings(BaseModel):
    """`type` names the adapter (a module of regbench.data); the other keys are that adapter's own."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: Name

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class MethodSettings(Settings):
    """What a study changes of a method: named variants (options laid over the method file's), training seeds.

    `grid` names some values of each of some options; every combination of them is one more variant, called by it
    (`sigma0.5_bins16`), and where no `variants` are given there are no others.
    """

    variants: dict[Name, dict[str, Any]] = {"default": {}}
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    seeds: Annotated[int, Field(ge=1)] = 1  # training repetitions of a learned method

    @model_validator(mode="after")
    def _with_grid(self) -> "MethodSettings":
        if not self.grid:
            return self
        variants = dict(self.variants) if "variants" in self.model_fields_set else {}
        for values in itertools.product(*self.grid.values()):
            options = dict(zip(self.grid, values, strict=True))
            name = "_".join(f"{option}{_in_a_name(value)}" for option, value in options.items())
            if not re.match(NAME, name):
                raise ValueError(f"the grid's variant {name!r} cannot be a name; give it one in `variants`")
            if variants.setdefault(name, options) != options:
                raise ValueError(
                    f"two variants are called {name!r}; give one of them in `variants`, by another name"
                )
        object.__setattr__(self, "variants", variants)  # nobody has seen this object yet
        return self


def _in_a_name(value: Any) -> str:
    """A value as part of a variant's name: [4, 2] reads 4-2."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", re.sub(r"[\[\]{}\"' ]", "", str(value)))


class TuningSettings(Settings):
    """Each method's settings (TUNING in its file) are tried on validation pairs; the best one is its row `tuned`.

    `methods`: None takes every method that has some. `settings`: how many of each are tried, the first ones, besides the
    default (variant `default`, or the first): as many for all. They are ranked by the mean over pairs of the true error,
    else TRE, else DSC, else NMI; one that failed on a pair, or folds more than `folding_percent` of the brain (the mean
    over pairs), is not chosen.
    """

    methods: Annotated[list[str], Field(min_length=1)] | None = None
    settings: Annotated[int, Field(ge=1)] = 4
    folding_percent: Annotated[float, Field(ge=0, le=100)] = 0.5


class LimitSettings(Settings):
    """Per pair (runs) and per training; waiting for the machine's lock does not count."""

    run_seconds: Positive = 3600
    train_seconds: Positive = 7 * 24 * 3600
    memory_gb: Positive = 16


class TimingSettings(Settings):
    """Timed runs: apart from accuracy runs, alone on the machine."""

    repetitions: Annotated[int, Field(ge=1)] = 2  # steady calls for each timed pair, after one cold call
    devices: list[Literal["cpu", "cuda"]] = ["cpu", "cuda"]  # one that is not there reads "not measured"


class ScoreSettings(Settings):
    """`label_path: once` samples the original labels once; `prepared` is the paper's own path (DESIGN.md, Geometry)."""

    label_path: Literal["once", "prepared"] = "once"
    bootstrap: Annotated[int, Field(ge=100)] = 2000


class FieldSettings(Settings):
    """Displacement fields on disk: the bulk of a study's results.

    `keep`: "all", or of how many pairs of each batch; the others' fields go once they are scored, and come back, by
    registering again, only when their scores no longer hold (another metric, other labels) or `keep` is "all" again.
    `precision`: "half" rounds displacements to steps of 1/256 mm (errors of at most 0.002 mm), the step of
    half-precision numbers between 4 and 8 mm. The files stay float32, as every tool reads them, and take about half
    the room. Scores are those of the field as it is stored.
    """

    keep: Literal["all"] | Annotated[int, Field(ge=0, strict=True)] = "all"
    precision: Literal["full", "half"] = "full"


class FigureSettings(Settings):
    """What figures show, where it is not left to their rule (regbench/figures/choice.py)."""

    pair: tuple[str, str] | None = None  # (fixed, moving), in the tasks that have it; None: the median pair
    slices: tuple[Index, Index, Index] | None = None  # along L, P and S; None: where most label borders are


class Study(Settings):
    """One complete configuration; `config.yaml` is the default one."""

    study: Name
    description: str
    seed: int = 0
    threads: Annotated[int, Field(ge=1)] = 2
    device: Literal["cpu", "cuda", "auto"] = (
        "auto"  # where learned methods train and accuracy runs take place
    )
    train_processes: Annotated[int, Field(ge=1)] = (
        1  # of one training, each with a GPU or a share of `threads`
    )
    on_bad_data: Literal["stop", "record"] = (
        "stop"  # at the check, or go on: a bad scan then ends as a record of its failure
    )
    on_failure: Literal["record", "stop"] = (
        "record"  # a step that fails, and go on; "stop" there, which is for work on a method
    )
    batches: Annotated[int, Field(ge=1)] = 2  # jobs a method's test pairs are divided among
    method_folders: list[str] = []
    datasets: Annotated[dict[Name, DatasetSettings], Field(min_length=1)]
    tasks: Annotated[dict[Name, TaskSettings], Field(min_length=1)]
    methods: dict[Name, MethodSettings] = {}
    limits: LimitSettings = LimitSettings()
    timing: TimingSettings = TimingSettings()
    scores: ScoreSettings = ScoreSettings()
    fields: FieldSettings = FieldSettings()
    figures: FigureSettings = FigureSettings()
    tuning: TuningSettings | None = None  # None: no rows `tuned`

    def method(self, name: str) -> MethodSettings:
        """The study's settings for a method; a method it does not mention runs once as it is."""
        return self.methods.get(name, MethodSettings())


def parse_study(raw: dict[str, Any], source: str) -> Study:
    """Validate a study; Problems lists every one with its key, and `source`, the file it came from."""
    heading = f"{source}: not a valid study"
    study = validated(Study, raw, heading)
    unknown = [
        Problem(
            f"tasks.{name}.dataset",
            f"no dataset {task.dataset!r} in this study{nearest(task.dataset, study.datasets)}",
            f"expected one of {', '.join(sorted(study.datasets)) or 'those under `datasets`, where none is'}",
        )
        for name, task in study.tasks.items()
        if task.dataset not in study.datasets
    ]
    if unknown:
        raise Problems(unknown, heading)
    return study


def read_study(path: Path | str) -> Study:
    """Read a study from YAML or JSON; Problems or FileNotFoundError name the file."""
    return parse_study(read_mapping(path), str(path))
