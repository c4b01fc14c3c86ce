"""Models trained elsewhere that a task applies (`trained_on`): whether they are there, and trained for such pairs on others."""

from collections.abc import Iterator

from regbench.check.leaks import leak_problems
from regbench.plan import Plan
from regbench.problems import Problem, collected, nearest
from regbench.records import read_record
from regbench.study import TaskSettings, read_study

Model = tuple[str, str, int]  # method, variant, repetition


def model_problems(plan: Plan, name: str) -> list[Problem]:
    """All that is wrong with a task's `trained_on`; none of a task that has none."""
    task, key = plan.task(name), f"tasks.{name}.trained_on"
    if task.trained_on is None:
        return []
    learned = [method for method in plan.task_methods(name) if plan.methods[method].learned]
    if not learned:
        return [Problem(key, "no method of this task is learned", "leave it out", "warning")]
    problems = [
        Problem(
            key, f"{method} is tuned, which takes trainings in this task", "leave it out of `tuning.methods`"
        )
        for method in learned
        if plan.is_tuned(method)
    ]
    found: list[Problem] = []
    with collected(found, key):
        there, trained = _trainer(plan, task.trained_on, key)
        found += _differences(task, there.task(trained), key)
        found += leak_problems(plan, name, there, trained, key)
    wanted = dict.fromkeys(
        (*plan.model(m, v), r) for m in learned for v in plan.variants(m) for r in range(plan.repetitions(m))
    )
    wrong = problems or [problem for problem in found if problem.level == "error"]
    return wrong or [*found, *_missing(plan, name, wanted, key)]


def _trainer(plan: Plan, trained_on: str, key: str) -> tuple[Plan, str]:
    """The study and task whose models are used; ValueError where there is none of that name, or it trains none itself."""
    *study, name = trained_on.split("/")
    there = plan
    if study and study[0] != plan.study.study:
        path = plan.results / study[0] / "study.json"
        if not path.is_file():
            there = sorted(each.parent.name for each in plan.results.glob("*/study.json"))
            raise ValueError(
                f"{key}: no results of a study {study[0]!r} in {plan.results}{nearest(study[0], there)}; run that study "
                "first, its stage `models` is enough, or leave learned methods out"
            )
        there = Plan(read_study(path), plan.results)
    tasks = there.study.tasks
    if name not in tasks:
        raise ValueError(
            f"{key}: no task {name!r} there{nearest(name, tasks)}; expected one of {', '.join(tasks)}"
        )
    if tasks[name].trained_on:
        raise ValueError(
            f"{key}: task {name!r} trains no models, it has those of {tasks[name].trained_on}; name that"
        )
    return there, name


def _differences(task: TaskSettings, there: TaskSettings, key: str) -> Iterator[Problem]:
    """What a model cannot do: it knows one spacing, one pair of contrasts, and images prepared in one way."""
    if task.grid.spacing != there.grid.spacing:
        what = f"trained at {_mm(there)} mm, this task's grid has {_mm(task)} mm"
        yield Problem(key, what, "give `grid.spacing` the training's")
    if (task.fixed, task.moving) != (there.fixed, there.moving):
        what = f"trained to align {there.moving} to {there.fixed}, this task is {task.moving} to {task.fixed}"
        yield Problem(key, what, "name a task of these contrasts")
    for step in ("mask", "n4", "percentiles"):
        ours, theirs = (getattr(each.prepare, step) for each in (task, there))
        if ours != theirs:
            what = f"trained on images prepared with `{step}: {_yaml(theirs)}`, this task's are with {_yaml(ours)}"
            yield Problem(key, what, f"give `prepare.{step}` the training's")


def _yaml(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value).lower()


def _mm(task: TaskSettings) -> str:
    return " x ".join(f"{mm:g}" for mm in task.grid.spacing)


def _missing(plan: Plan, name: str, wanted: dict[Model, None], key: str) -> Iterator[Problem]:
    """Models that are not there, or whose training failed; of a task of this study, those that it does not train."""
    folder = plan.models(name)
    if folder.parent == plan.folder / "models":
        trained = {(method, variant, r) for task, method, variant, r in plan.trained() if task == folder.name}
        for method, variant in dict.fromkeys((m, v) for m, v, r in wanted if (m, v, r) not in trained):
            yield Problem(
                key, f"task {folder.name} trains no {method}, variant {variant}", "name the method there"
            )
        return
    for method, variant, repetition in wanted:
        path = folder / method / variant / f"r{repetition}" / "record.json"
        if not path.is_file():
            yield Problem(
                key, f"no model of {method}, variant {variant}: {path} is not there", "train it there first"
            )
        elif (record := read_record(path))["status"] != "ok":
            what = f"the training of {method}, variant {variant}, ended as {record['status']}"
            yield Problem(key, what, "run that study again, or leave the method out")
