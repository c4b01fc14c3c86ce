"""What a study says against what there is: datasets, methods, contrasts, splits, pairs. Cheap: Snakemake asks at each start."""

from importlib.util import find_spec
from pathlib import Path

from regbench.data.base import load_dataset
from regbench.methods.discovery import MethodFile, discover
from regbench.plan import METHODS, Plan
from regbench.problems import Problem, Problems, collected, nearest

Found = dict[str, MethodFile]


def check_study(plan: Plan) -> None:
    """Problems lists every error of the study; warnings are for `regbench check`."""
    errors = [problem for problem in study_problems(plan)[0] if problem.level == "error"]
    if errors:
        raise Problems(errors, f"study {plan.study.study}: it cannot run")


def study_problems(plan: Plan) -> tuple[list[Problem], Plan]:
    """All that is wrong with a study, files' contents apart; and the plan of its sound tasks and methods."""
    problems: list[Problem] = []
    wrong = _wrong_datasets(plan, problems)
    methods = _methods(plan, problems)
    sound = _sound(plan, wrong, methods)
    for task in plan.study.tasks:
        problems += _contrast_problems(plan, task)
    problems += _braces(sound)
    for task in sound.study.tasks:
        problems += _task_problems(sound, task)
        problems += _method_problems(sound, task) if methods else []
    if not methods:
        return problems, type(plan)(plan.study.model_copy(update={"tasks": {}}), plan.results)
    return problems + _process_problems(sound), sound


def _wrong_datasets(plan: Plan, problems: list[Problem]) -> set[str]:
    """Names of the datasets that cannot be used, their problems told."""
    try:
        for task in plan.study.tasks:
            plan.subjects(task)
        return set()
    except (ValueError, OSError):
        wrong = set()
    for name, settings in plan.study.datasets.items():
        found: list[Problem] = []
        key = f"datasets.{name}"
        with collected(found, key):
            load_dataset(settings, plan.folder / "data" / name, key).subjects()
        problems += found
        wrong |= {name} if found else set()
    return wrong


def _methods(plan: Plan, problems: list[Problem]) -> Found:
    """The methods there are (none where their folders are wrong); names of others that the study uses are told."""
    found: Found = {}
    with collected(problems, "method_folders"):
        found = discover([Path(folder) for folder in plan.study.method_folders or [METHODS]])
    places = [("methods", name) for name in plan.study.methods]
    places += [
        (f"tasks.{key}.methods", n) for key, task in plan.study.tasks.items() for n in task.methods or ()
    ]
    problems += [
        Problem(
            key,
            f"unknown method {name!r}{nearest(name, found)}",
            f"found {', '.join(found)}; see `method_folders`",
        )
        for key, name in places
        if found and name not in found
    ]
    return found


def _sound(plan: Plan, wrong: set[str], found: Found) -> Plan:
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
        settings, key = plan.study.datasets[task.dataset], f"datasets.{task.dataset}"
        contrasts = load_dataset(settings, plan.folder / "data" / task.dataset, key).contrasts()
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


def _task_problems(plan: Plan, name: str) -> list[Problem]:
    """Pairs and the affine reference of one task."""
    task, key, problems = plan.task(name), f"tasks.{name}", []
    if not plan.pairs(name, "test"):
        people = plan.split(name, "test")
        needed = "one" if task.pairing == "within" else "two"
        what = f"no test pair: dataset {task.dataset} has {len(people)} test subjects, expected at least {needed}"
        problems.append(Problem(key, what, "put more subjects into the split `test`"))
    if task.prepare.affine.mode == "reference":
        with collected(problems, f"{key}.prepare.affine"):
            plan.reference(name)
    return problems


def _method_problems(plan: Plan, name: str) -> list[Problem]:
    """Whether the task's methods can do it, are installed, and have something to train on."""
    key, methods = f"tasks.{name}.methods", plan.task_methods(name)
    if plan.task(name).methods == []:
        return []  # all were unknown, and told
    if not methods:
        return [
            Problem(key, f"no method can do this task; found {', '.join(plan.methods)}", "name one that can")
        ]
    asked = plan.task(name).methods or ()
    problems = [
        Problem(key, f"{method} cannot do this task and is left out", _why_not(plan, name, method), "warning")
        for method in asked
        if method not in methods
    ]
    for method in methods:
        problems += _lacks(plan, name, method)
    if any(plan.methods[method].trains for method in methods):
        problems += _training_problems(plan, name)
    return problems


def _why_not(plan: Plan, task: str, name: str) -> str:
    method, modality = plan.methods[name], plan.task(task).modality
    if modality not in method.modalities:
        return f"it does {' and '.join(method.modalities)}-modal tasks, this one is {modality}-modal"
    if method.requires:
        return f"give its variants in `methods.{name}` a value for {', '.join(method.requires)}"
    return "it needs the true displacement of every test pair, which the dataset does not know"


def _lacks(plan: Plan, task: str, name: str) -> list[Problem]:
    """What a method needs to be there: its packages, and the method whose models it runs with."""
    method, problems = plan.methods[name], []
    missing = [package for package in method.packages if find_spec(package) is None]
    if missing and not method.interpreter:
        what = f"method {name} needs {', '.join(missing)}, which is not installed"
        todo = "pip install it (`make install` has all that workflow/peers needs), or leave the method out"
        problems.append(Problem(str(method.path), what, todo))
    if method.model_of and method.model_of not in plan.task_methods(task):
        what = f"{name} runs with the models of {method.model_of}, which is not among the task's methods"
        problems.append(Problem(f"tasks.{task}.methods", what, f"add it, or leave {name} out"))
    return problems


def _training_problems(plan: Plan, name: str) -> list[Problem]:
    key, dataset, problems = f"tasks.{name}", plan.task(name).dataset, []
    if not plan.pairs(name, "train"):
        what = f"no train pair in dataset {dataset}, expected some: methods that train have nothing to learn from"
        todo = "put more subjects into the split `train`, or name methods that do not train"
        problems.append(Problem(key, what, todo))
    if not plan.pairs(name, "val"):
        what = f"no val pair in dataset {dataset}: a training keeps its last step, not its best"
        problems.append(Problem(key, what, "put subjects into the split `val`", "warning"))
    return problems


def _process_problems(plan: Plan) -> list[Problem]:
    """Processes of one training share threads and batch."""
    processes, threads = plan.study.train_processes, plan.study.threads
    problems = []
    if processes > threads:
        what = f"{processes} processes with threads={threads}, expected at least a thread each"
        problems.append(Problem("train_processes", what, "use fewer, or more threads"))
    for method, variant in {(method, variant): None for _, method, variant, _ in plan.trained()}:
        batch = plan.options(method, variant).get("batch", 1)
        if isinstance(batch, int) and batch % processes:
            what = f"{batch} pairs a step cannot be divided among train_processes={processes}"
            problems.append(Problem(f"methods.{method}.variants.{variant}.batch", what, "choose a multiple"))
    return problems
