"""What a study says against what there is: datasets, contrasts, splits, pairs, methods. Cheap: Snakemake asks at each start."""

from regbench.check.methods import found_methods, method_problems, process_problems
from regbench.check.models import model_problems
from regbench.check.tuning import tuning_problems
from regbench.methods.discovery import MethodFile
from regbench.plan import Plan
from regbench.problems import Problem, Problems, collected, nearest
from regbench.study import TaskSettings


def check_study(plan: Plan) -> None:
    """Problems lists every error of the study; warnings are for `regbench check`."""
    errors = [problem for problem in study_problems(plan)[0] if problem.level == "error"]
    if errors:
        raise Problems(errors, f"study {plan.study.study}: it cannot run")


def study_problems(plan: Plan) -> tuple[list[Problem], Plan]:
    """All that is wrong with a study, files' contents apart; and the plan of its sound tasks and methods."""
    problems: list[Problem] = []
    wrong = _wrong_datasets(plan, problems)
    methods = found_methods(plan, problems)
    sound = _sound(plan, wrong, methods)
    for task in plan.study.tasks:
        problems += _contrast_problems(plan, task)
    for name in sound.study.datasets:
        problems += sound.dataset(name).warnings()
    problems += _braces(sound)
    problems += _figure_problems(sound)
    for task in sound.study.tasks:
        problems += _task_problems(sound, task)
        problems += [*method_problems(sound, task), *model_problems(sound, task)] if methods else []
    if not methods:
        return problems, type(plan)(plan.study.model_copy(update={"tasks": {}}), plan.results)
    return [*problems, *process_problems(sound), *tuning_problems(sound)], sound


def _wrong_datasets(plan: Plan, problems: list[Problem]) -> set[str]:
    """Names of the datasets that cannot be used, their problems told."""
    try:
        for task in plan.study.tasks:
            plan.subjects(task)
        return set()
    except (ValueError, OSError):
        wrong = set()
    for name in plan.study.datasets:
        found: list[Problem] = []
        with collected(found, f"datasets.{name}"):
            plan.dataset(name).subjects()
        problems += found
        wrong |= {name} if found else set()
    return wrong


def _sound(plan: Plan, wrong: set[str], found: dict[str, MethodFile]) -> Plan:
    """The plan without wrong datasets, their tasks, and unknown methods; the plan itself where all is well."""
    study = plan.study
    tasks = {
        name: task.model_copy(
            update={"methods": task.methods and [method for method in task.methods if method in found]}
        )
        for name, task in study.tasks.items()
        if task.dataset not in wrong
    }
    changed = study.model_copy(
        update={
            "tasks": tasks,
            "datasets": {name: settings for name, settings in study.datasets.items() if name not in wrong},
            "methods": {name: settings for name, settings in study.methods.items() if name in found},
        }
    )
    return plan if changed == study else type(plan)(changed, plan.results)


def _contrast_problems(plan: Plan, name: str) -> list[Problem]:
    """Contrasts of a task that its dataset lacks; none where the dataset is so wrong that it cannot be asked."""
    task, problems = plan.task(name), []
    try:
        contrasts = plan.dataset(task.dataset).contrasts()
    except (ValueError, OSError):
        return []
    for side, contrast in (("fixed", task.fixed), ("moving", task.moving)):
        if contrast not in contrasts:
            what = (
                f"no contrast {contrast!r} in every subject of {task.dataset}{nearest(contrast, contrasts)}"
            )
            todo = f"expected one of {', '.join(contrasts) or 'none'}"
            problems.append(Problem(f"tasks.{name}.{side}", what, todo))
    return problems


def _braces(plan: Plan) -> list[Problem]:
    """Files that Snakemake could not have as input: it takes braces for its wildcards."""
    tasks = {task.dataset: name for name, task in plan.study.tasks.items()}
    sources = [
        path for task in tasks.values() for who in plan.subjects(task).values() for path in who.sources
    ]
    return [
        Problem(str(path), "braces in a file's name, which Snakemake takes for wildcards", "rename it")
        for path in dict.fromkeys(sources)
        if "{" in str(path) or "}" in str(path)
    ]


def _figure_problems(plan: Plan) -> list[Problem]:
    """A pair or slices that figures shall show and that no task has."""
    shown, tasks, problems = plan.study.figures, plan.study.tasks, []
    if shown.pair and tasks and not any(shown.pair in plan.pairs(task, "test") for task in tasks):
        what = f"no test pair {list(shown.pair)} in any task"
        example = next((list(pair) for task in tasks for pair in plan.pairs(task, "test")), "[FIXED, MOVING]")
        problems.append(Problem("figures.pair", what, f"expected one such as {example}"))
    for name, task in tasks.items():
        if shown.slices and any(n >= size for n, size in zip(shown.slices, task.grid.shape, strict=True)):
            what = f"slices {list(shown.slices)} lie beyond the grid of task {name}"
            problems.append(Problem("figures.slices", what, f"expected less than {list(task.grid.shape)}"))
    return problems


def _no_pair(task: TaskSettings, subjects: int) -> tuple[str, str]:
    """What is wrong with a task that has no test pair, and what to do."""
    has = f"dataset {task.dataset} has {subjects} test subjects"
    if task.pairing == "followup":
        todo = "put two or more visits of a person into the split `test`, under one name of the person (column `subject`"
        todo += " of `type: followup`, `group` of a manifest)"
        return f"no test pair: no person has two test scans, {has}", todo
    needed = {"within": "one", "between": "two"}[task.pairing]
    return f"no test pair: {has}, expected at least {needed}", "put more subjects into the split `test`"


def _task_problems(plan: Plan, name: str) -> list[Problem]:
    """Pairs and the affine reference of one task."""
    task, key, problems = plan.task(name), f"tasks.{name}", []
    if not plan.pairs(name, "test"):
        problems.append(Problem(key, *_no_pair(task, len(plan.split(name, "test")))))
    if task.prepare.affine.mode == "reference":
        with collected(problems, f"{key}.prepare.affine"):
            plan.reference(name)
    return problems
