"""What a study consists of, worked out before anything runs: subjects, pairs, batches, variants and their files.

Snakemake's rules and the command line both ask this module, so the layout of `results/STUDY/` is written down once.
"""

import hashlib
import itertools
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from regbench import PIPELINE
from regbench.data import Dataset, Subject, load_dataset
from regbench.figures.names import Asked, asked_of, in_reading_order
from regbench.methods.contract import load_method
from regbench.methods.discovery import MethodFile, discover
from regbench.problems import nearest
from regbench.runs.environments import made
from regbench.study import Study, TaskSettings

METHODS = PIPELINE / "workflow" / "methods"
# Variants of a tuned method beside the study's: setting0 (the default), setting1, …, and what was chosen of them.
SETTING, TUNED = "setting", "tuned"


@dataclass(frozen=True)
class Plan:
    """A study with the folder that holds its results."""

    study: Study
    results: Path

    @property
    def folder(self) -> Path:
        """`results/STUDY`."""
        return self.results / self.study.study

    def dataset(self, name: str) -> Dataset:
        """The adapter of one dataset, made once; raises as `load_dataset` does."""
        if name not in self._datasets:
            where = self.folder / "data" / name
            self._datasets[name] = load_dataset(self.study.datasets[name], where, f"datasets.{name}")
        return self._datasets[name]

    @cached_property
    def _datasets(self) -> dict[str, Dataset]:
        return {}

    @cached_property
    def methods(self) -> dict[str, MethodFile]:
        """Every method found in the study's method folders."""
        found = discover([Path(folder) for folder in self.study.method_folders or [METHODS]])
        for name in self.study.methods:
            if name not in found:
                raise ValueError(f"study {self.study.study}: unknown method {name!r}; found {sorted(found)}")
        return found

    @cached_property
    def _subjects(self) -> dict[str, dict[str, Subject]]:
        return {name: {s.name: s for s in self.dataset(name).subjects()} for name in self.study.datasets}

    def subjects(self, task: str) -> dict[str, Subject]:
        """The subjects of a task's dataset, by name, in the dataset's order."""
        return self._subjects[self.task(task).dataset]

    def task(self, name: str) -> TaskSettings:
        return self.study.tasks[name]

    def split(self, task: str, split: str) -> list[str]:
        return [name for name, subject in self.subjects(task).items() if subject.split == split]

    def reference(self, task: str) -> str:
        """The subject that others are affinely aligned to: a training subject, so that test data decide nothing."""
        train = self.split(task, "train")
        wanted = self.task(task).prepare.affine.reference
        if wanted is not None and wanted not in train:
            raise ValueError(
                f"task {task}: affine reference {wanted!r} is not a training subject{nearest(wanted, train)}; "
                f"name one of {', '.join(train[:5]) or 'them, of which there are none'}"
            )
        if not (wanted or train):
            raise ValueError(f"task {task}: affine mode `reference` needs a training subject; use `pairwise`")
        return wanted or train[0]

    def pairs(self, task: str, split: str) -> list[tuple[str, str]]:
        """Ordered (fixed, moving) subject names; a smaller number than all is a seeded draw, in stable order."""
        names = self.split(task, split)
        settings = self.task(task)
        pairs = {
            "within": lambda: [(name, name) for name in names],
            "between": lambda: list(itertools.permutations(names, 2)),
            "followup": lambda: self._followups(task, names),
        }[settings.pairing]()
        limit = getattr(settings.pairs, split)
        if limit is None or limit >= len(pairs):
            return pairs
        kept = set(sorted(pairs, key=lambda pair: _rank(self.study.seed, *pair))[:limit])
        return [pair for pair in pairs if pair in kept]

    def _followups(self, task: str, names: list[str]) -> list[tuple[str, str]]:
        """(later scan, first scan) of each person: the baseline is brought to the follow-up."""
        subjects, first = self.subjects(task), {}
        people = {name: subjects[name].person or subjects[name].group for name in names}
        for name, person in people.items():
            first.setdefault(person, name)
        baseline = {name: first[person] for name, person in people.items()}
        return [(name, before) for name, before in baseline.items() if name != before]

    def batches(self, task: str, split: str) -> list[str]:
        """Names of the pair batches of a split: `test_b0`, … Training and validation pairs are one batch each."""
        if split != "test":
            return [f"{split}_b0"]
        return [f"test_b{k}" for k in sorted({self._batch_number(pair) for pair in self.pairs(task, split)})]

    def batch_pairs(self, task: str, batch: str) -> list[tuple[str, str]]:
        """The pairs of one batch. A pair stays in its batch when other subjects come or go."""
        split, _, number = batch.partition("_b")
        pairs = self.pairs(task, split)
        return [pair for pair in pairs if split != "test" or self._batch_number(pair) == int(number)]

    def _batch_number(self, pair: tuple[str, str]) -> int:
        return int(_rank(*pair)[:8], 16) % self.study.batches

    def task_methods(self, task: str) -> list[str]:
        """Methods that take part in a task: those the study names, or all that can do it and whose venv has been made."""
        settings = self.task(task)
        for name in settings.methods or ():
            if name not in self.methods:
                raise ValueError(f"task {task}: unknown method {name!r}; found {sorted(self.methods)}")
        there = [name for name, method in self.methods.items() if made(method)]
        names = there if settings.methods is None else settings.methods
        return [name for name in names if self._can(task, name)]

    def taking_part(self) -> list[str]:
        """Every method that takes part in some task, once."""
        return list(dict.fromkeys(name for task in self.study.tasks for name in self.task_methods(task)))

    def _can(self, task: str, name: str) -> bool:
        method = self.methods[name]
        if self.task(task).modality not in method.modalities:
            return False
        settings = self.task(task)
        dataset = self.dataset(settings.dataset)
        if method.needs_truth and not dataset.knows_truth(settings.pairing, settings.fixed):
            return False
        return not any(method.missing(self.options(name, variant)) for variant in self.variants(name))

    def variants(self, method: str) -> list[str]:
        """The study's variants, and `tuned`: those that have rows in tables."""
        return [*self.study.method(method).variants, *([TUNED] if self.is_tuned(method) else [])]

    def options(self, method: str, variant: str) -> dict[str, Any]:
        """The method file's options with the variant's laid over them; of `tuned`, before the choice."""
        return {**self.methods[method].options, **self.changes(method, variant)}

    def changes(self, method: str, variant: str) -> dict[str, Any]:
        """What a variant changes of the method file's options; a setting lays its own over the default variant's."""
        named = self.study.method(method).variants
        if variant in named:
            return named[variant]
        laid_over = {TUNED: {}, **dict(zip(self.settings(method), self.tried(method), strict=True))}
        return {**named[self.default(method)], **laid_over[variant]}

    def default(self, method: str) -> str:
        """The variant that a method's settings are laid over: `default`, or the first."""
        named = self.study.method(method).variants
        return "default" if "default" in named else next(iter(named))

    def is_tuned(self, method: str) -> bool:
        """Whether the study tunes a method: it names it, or names none and the method has settings."""
        tuning = self.study.tuning
        if tuning is None:
            return False
        return bool(self.methods[method].tuning) if tuning.methods is None else method in tuning.methods

    def tuned(self) -> list[tuple[str, str]]:
        """(task, method) of everything that is tuned."""
        tasks = self.study.tasks
        return [(task, m) for task in tasks for m in self.task_methods(task) if self.is_tuned(m)]

    def settings(self, method: str) -> list[str]:
        """The variants that a tuned method is tried with on validation pairs: setting0, its default, first."""
        return [f"{SETTING}{number}" for number in range(len(self.tried(method)))]

    def tried(self, method: str) -> list[dict[str, Any]]:
        """What each setting of a method changes of its default variant; the first one nothing."""
        return [{}, *self.methods[method].tuning[: self.study.tuning.settings]] if self.study.tuning else []

    def repetitions(self, method: str) -> int:
        """Training seeds of a learned method; one for the others, which are deterministic given their seed."""
        declared = self.methods[method]
        return self.study.method(declared.model_of or method).seeds if declared.learned else 1

    def model(self, method: str, variant: str) -> tuple[str, str]:
        """Method and variant whose models a learned method runs with: its own, or the same-named one of `model_of`.

        The first setting is the default, and so has its model. What is tuned of a method with the models of another, or
        is being tuned, has the other's tuned ones, or its default where that is not tuned.
        """
        owner, named = self.methods[method].model_of, variant in self.study.method(method).variants
        if owner is None:
            return method, self.default(method) if variant == f"{SETTING}0" and not named else variant
        if named:
            variants = self.variants(owner)
            return owner, variant if variant in variants else variants[0]
        return owner, TUNED if self.is_tuned(owner) else self.default(owner)

    def models(self, task: str) -> Path:
        """The folder of the models that a task's learned methods run with: results/STUDY/models/TASK of its training."""
        *study, trained = (self.task(task).trained_on or task).split("/")
        return self.results / (study[0] if study else self.study.study) / "models" / trained

    def run_batches(self, task: str, method: str) -> list[str]:
        """Names of the run batches of a method: accuracy `r0_b0`, … and timed `timed_cpu`, …"""
        accuracy = [
            f"r{r}_{batch.removeprefix('test_')}"
            for r in range(self.repetitions(method))
            for batch in self.batches(task, "test")
        ]
        declared = self.methods[method]
        devices = [
            d
            for d in self.study.timing.devices
            if d in declared.devices and declared.timed and not declared.control
        ]
        return accuracy + [f"timed_{device}" for device in devices]

    def runs(self) -> list[tuple[str, str, str, str]]:
        """(task, method, variant, batch) of every batch of runs in the study."""
        return [
            (task, method, variant, batch)
            for task in self.study.tasks
            for method in self.task_methods(task)
            for variant in self.variants(method)
            for batch in self.run_batches(task, method)
        ]

    def trained(self) -> list[tuple[str, str, str, int]]:
        """(task, method, variant, repetition) of every model of the study."""
        return [
            (task, method, variant, r)
            for task, settings in self.study.tasks.items()
            if settings.trained_on is None
            for method in self.task_methods(task)
            if self.methods[method].trains
            for variant in self.variants(method)
            for r in range(self.repetitions(method))
        ]

    def trained_to_tune(self) -> list[tuple[str, str, str, int]]:
        """The same of the models that only tuning needs: one of each setting but the default."""
        tuned = [(task, method) for task, method in self.tuned() if self.methods[method].trains]
        return [(task, method, setting, 0) for task, method in tuned for setting in self.settings(method)[1:]]

    def figures(self) -> list[Asked]:
        """Every figure of the study, in reading order."""
        found, training = [], {task for task, *_ in self.trained()}
        for name, task in self.study.tasks.items():
            dataset = self.dataset(task.dataset)
            truth = dataset.knows_truth(task.pairing, task.fixed)
            visits = task.pairing == "followup"
            found += asked_of(name, task.modality, dataset.has_labels, truth, name in training, visits)
        return in_reading_order(found)

    def names(self, task: str, fixed: str, moving: str) -> dict[str, str]:
        """What the words of a file-name pattern stand for (methods/patterns.py)."""
        settings = self.task(task)
        contrasts = {"fixed_contrast": settings.fixed, "moving_contrast": settings.moving}
        return {"fixed": fixed, "moving": moving, **contrasts, "task": task}

    def missing_files(self, task: str, name: str, variant: str) -> tuple[list[Path], int]:
        """Files made elsewhere that a method's class reads for test pairs and that are not there; how many it reads."""
        method = load_method(self.methods[name].python or "", self.options(name, variant))
        files = getattr(method, "files", lambda names: [])
        pairs = self.pairs(task, "test")
        wanted = dict.fromkeys(path for pair in pairs for path in files(self.names(task, *pair)))
        return [path for path in wanted if not path.is_file()], len(wanted)

    def seed(self, *what: object) -> int:
        """A seed derived from the study's and from what is being run, so that order and parallelism change nothing."""
        return int(_rank(self.study.seed, *what)[:8], 16) % 2**31


def _rank(*what: object) -> str:
    return hashlib.sha256("\0".join(map(str, what)).encode()).hexdigest()
