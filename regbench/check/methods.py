"""A study's methods: whether they are there, can do its tasks, are installed, and have something to train on."""

from importlib.util import find_spec
from pathlib import Path

from regbench.methods.discovery import PLACEHOLDER, MethodFile, discover
from regbench.plan import METHODS, Plan
from regbench.problems import Problem, collected, nearest

MASKS = {"FIXED_MASK", "MOVING_MASK"}


def found_methods(plan: Plan, problems: list[Problem]) -> dict[str, MethodFile]:
    """The methods there are (none where their folders are wrong); names of others that the study uses are told."""
    found: dict[str, MethodFile] = {}
    with collected(problems, "method_folders"):
        found = discover([Path(folder) for folder in plan.study.method_folders or [METHODS]])
    places = [("methods", name) for name in plan.study.methods]
    places += [
        (f"tasks.{key}.methods", n) for key, task in plan.study.tasks.items() for n in task.methods or ()
    ]
    places += [("tuning.methods", name) for name in (plan.study.tuning and plan.study.tuning.methods) or ()]
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


def method_problems(plan: Plan, name: str) -> list[Problem]:
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
        problems += [*_lacks(plan, name, method), *_maskless(plan, name, method)]
    if plan.task(name).trained_on is None and any(plan.methods[method].trains for method in methods):
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
    missing = [package for package in method.packages if not installed(package)]
    if missing and not method.own_environment:
        what = f"method {name} needs {', '.join(missing)}, which is not installed"
        todo = "pip install it (`make install` has all that workflow/peers needs), or leave the method out"
        problems.append(Problem(str(method.path), what, todo))
    if method.model_of and method.model_of not in plan.task_methods(task):
        what = f"{name} runs with the models of {method.model_of}, which is not among the task's methods"
        problems.append(Problem(f"tasks.{task}.methods", what, f"add it, or leave {name} out"))
    return problems


def _maskless(plan: Plan, task: str, name: str) -> list[Problem]:
    """Variants that use masks in a task that prepares none: every pair would end as an error."""
    if plan.task(task).prepare.mask != "none":
        return []
    method, key = plan.methods[name], f"tasks.{task}.prepare.mask"
    what, todo = "needs masks, and this task prepares `none`", "set it to `dataset` or `threshold`"
    if MASKS & set(PLACEHOLDER.findall(method.command or "")):
        return [Problem(key, f"the command of {name} {what}", f"{todo}, or leave {name} out")]
    return [
        Problem(key, f"`use_mask` of {name}, variant {variant}, {what}", f"{todo}, or `use_mask` to false")
        for variant in plan.variants(name)
        if plan.options(name, variant).get("use_mask")
    ]


def installed(package: str) -> bool:
    """Whether a module can be imported; one of a package that is not there cannot."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


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


def process_problems(plan: Plan) -> list[Problem]:
    """Processes of one training share threads and batch."""
    processes, threads = plan.study.train_processes, plan.study.threads
    problems = []
    if processes > threads:
        what = f"{processes} processes with threads={threads}, expected at least a thread each"
        problems.append(Problem("train_processes", what, "use fewer, or more threads"))
    models = [*plan.trained(), *plan.trained_to_tune()]
    for method, variant in {(method, variant): None for _, method, variant, _ in models}:
        batch = plan.options(method, variant).get("batch", 1)
        if isinstance(batch, int) and batch % processes:
            what = f"{batch} pairs a step cannot be divided among train_processes={processes}"
            problems.append(Problem(f"methods.{method}.variants.{variant}.batch", what, "choose a multiple"))
    return problems
