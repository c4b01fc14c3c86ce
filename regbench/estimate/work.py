"""What there is to do in a study, counted: units of work of each stage and method."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from math import prod

from regbench.estimate.samples import HALF, dataset_options, text
from regbench.models.settings import TrainingSettings
from regbench.plan import Plan

STAGES = ("data", "prepared", "models", "runs", "scores")
TRUTH_BYTES = 11  # of a field, a voxel: 12 in float32, of which gzip saves little


@dataclass(frozen=True)
class Work:
    """One line of the estimate. `units`: how many times a Sample of that stage, name and options is to be done.

    `stored`: how many units' bytes stay on disk (models: how many models), times `share`; `extra_bytes`: what is known
    to come on top. `alone`: nothing runs beside it. `limit`: seconds after which a unit is ended.
    """

    stage: str
    name: str
    options: str
    task: str
    voxels: int
    units: int
    jobs: int
    stored: int
    threads: int = 1
    device: str = "cpu"
    alone: bool = False
    limit: float | None = None
    share: float = 1.0
    extra_bytes: float = 0.0


def work_of(plan: Plan, device: str, gpu: bool) -> list[Work]:
    """All work of a study from nothing. `device`: where accuracy runs and trainings take place."""
    found = [*_data(plan)]
    for task in plan.study.tasks:
        found += [_prepared(plan, task), *_models(plan, task, device), *_runs(plan, task, device, gpu)]
        found.append(_scores(plan, task))
    return [each for each in found if each.units]


def _data(plan: Plan) -> Iterator[Work]:
    for name, settings in plan.study.datasets.items():
        tasks = [task for task, its in plan.study.tasks.items() if its.dataset == name]
        count = len(set().union(*(_subjects(plan, task) for task in tasks)))
        yield Work(
            "data", settings.type, dataset_options(settings.model_dump()), name, 1, count, count, count
        )


def _prepared(plan: Plan, task: str) -> Work:
    """Sides of subjects; where pairs are aligned one by one, their moving images too; and true fields."""
    settings = plan.task(task)
    dataset = plan.dataset(settings.dataset)
    subjects, pairs = len(_subjects(plan, task)), {split: plan.pairs(task, split) for split in _SPLITS}
    sides = subjects * len({settings.fixed, settings.moving})
    if settings.prepare.affine.mode != "reference":
        sides += sum(map(len, pairs.values()))
    batches = sum(len(plan.batches(task, split)) for split in _SPLITS)
    known = dataset.knows_truth(settings.pairing, settings.fixed)
    truth = TRUTH_BYTES * _voxels(plan, task) * (len(pairs["val"]) + len(pairs["test"])) if known else 0
    options = text(settings.prepare.model_dump(mode="json"))
    return Work(
        "prepared",
        "",
        options,
        task,
        _voxels(plan, task),
        sides,
        subjects + batches + 1,
        sides,
        extra_bytes=truth,
    )


_SPLITS = ("train", "val", "test")


def _models(plan: Plan, task: str, device: str) -> Iterator[Work]:
    for name, method, variant, _ in [*plan.trained(), *plan.trained_to_tune()]:
        if name != task:
            continue
        whole = plan.methods[method].train is not None  # a command's training is one step
        steps = 1 if whole else training(plan, method, variant).total(len(plan.pairs(task, "train")))
        yield Work(
            "models", method, _changes(plan, method, variant), task, _voxels(plan, task), steps, 1, 1,
            plan.study.threads, device if device in plan.methods[method].devices else "cpu",
            limit=plan.study.limits.train_seconds,
        )  # fmt: skip


def training(plan: Plan, method: str, variant: str) -> TrainingSettings:
    """The settings of a learned method's training."""
    options = plan.options(method, variant)
    known = [field.name for field in fields(TrainingSettings)]
    return TrainingSettings(**{name: options[name] for name in known if name in options})


def _runs(plan: Plan, task: str, device: str, gpu: bool) -> Iterator[Work]:
    study, pairs = plan.study, len(plan.pairs(task, "test"))
    for method in plan.task_methods(task):
        for variant in plan.variants(method):
            batches = plan.run_batches(task, method)
            timed = [b.removeprefix("timed_") for b in batches if b.startswith("timed_")]
            jobs = len(batches) - len(timed)
            yield _registrations(plan, task, method, variant, pairs * plan.repetitions(method), jobs, device)
            for where in (where for where in timed if where == "cpu" or gpu):
                calls = min(plan.task(task).pairs.timed, pairs) * (1 + study.timing.repetitions)
                work = _registrations(plan, task, method, variant, calls, 1, where)
                yield replace(work, stored=0, alone=True, share=1.0)
    for method, setting in _tried(plan, task):
        yield _registrations(plan, task, method, setting, len(plan.pairs(task, "val")), 1, device)


def _registrations(
    plan: Plan, task: str, method: str, variant: str, count: int, jobs: int, device: str
) -> Work:
    study, place = plan.study, device if device in plan.methods[method].devices else "cpu"
    return Work(
        "runs", method, _changes(plan, method, variant), task, _voxels(plan, task), count, jobs, _kept(plan, count, jobs),
        study.threads, place, False, study.limits.run_seconds, HALF if study.fields.precision == "half" else 1.0,
    )  # fmt: skip


def _tried(plan: Plan, task: str) -> list[tuple[str, str]]:
    """(method, setting) of all that is tried on the task's validation pairs."""
    return [(m, setting) for its, m in plan.tuned() if its == task for setting in plan.settings(m)]


def _kept(plan: Plan, count: int, batches: int) -> int:
    """Fields on disk at once, at least: those that are kept, and those of the batches between run and score."""
    keep = plan.study.fields.keep
    return count if keep == "all" else min(count, keep * batches + -(-count // max(batches, 1)))


def _scores(plan: Plan, task: str) -> Work:
    runs = [
        (method, batch)
        for method in plan.task_methods(task)
        for _ in plan.variants(method)
        for batch in plan.run_batches(task, method)
        if "timed" not in batch
    ]
    pairs, tried = len(plan.pairs(task, "test")), _tried(plan, task)
    count = sum(pairs * plan.repetitions(m) * len(plan.variants(m)) for m in plan.task_methods(task))
    count += len(tried) * len(plan.pairs(task, "val"))
    return Work("scores", "", "", task, _voxels(plan, task), count, len(runs) + len(tried), 0)


def _subjects(plan: Plan, task: str) -> set[str]:
    names = {name for split in _SPLITS for pair in plan.pairs(task, split) for name in pair}
    return names | ({plan.reference(task)} if plan.task(task).prepare.affine.mode == "reference" else set())


def _changes(plan: Plan, method: str, variant: str) -> str:
    """What a variant changes of its method, by which an earlier study's are known to be the same."""
    return text(plan.changes(method, variant))


def _voxels(plan: Plan, task: str) -> int:
    return prod(plan.task(task).grid.shape)
