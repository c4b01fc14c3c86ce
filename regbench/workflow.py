"""What Snakemake's rules need to know of a plan: each rule's inputs, and the settings and code whose change reruns it.

The rule files stay thin tables; every lambda in them calls one function of this module.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from regbench.check.study import check_study
from regbench.documents import read_mapping
from regbench.figures.names import KINDS, Asked, in_reading_order
from regbench.fingerprint import fingerprint, modules_of
from regbench.plan import METHODS, TUNED, Plan
from regbench.records import read_record, write_record, write_text
from regbench.runs.environments import facts_of
from regbench.runs.keys import file_hash, own_files
from regbench.study import Study, parse_study, read_study

MERGED = "merge.json"  # in results/STUDY of a merged study
STAGES = ("data", "prepared", "models", "runs", "scores", "tuning", "tables", "figures", "report")
OF_TABLES = ("accuracy", "statistics", "speed")  # sections of figures that are drawn from scores and tables
STAGE_CODE = {
    "data": ["regbench.data"],
    "prepared": ["regbench.prepared.subject", "regbench.prepared.pair", "regbench.prepared.reference"],
    "models": ["regbench.models.training"],
    "runs": ["regbench.runs.worker"],
    "scores": ["regbench.scores.score"],
    "tuning": ["regbench.tuning.tune"],
    "tables": ["regbench.tables.tables", "regbench.tables.gather"],
    "figures": ["regbench.figures.figures"],
    "report": ["regbench.report.page"],
}


class Workflow(Plan):
    """A plan with the questions that rule files ask. Wildcards come as Snakemake hands them over."""

    stages: tuple[str, ...] = STAGES  # whose rule files are read

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        results: str,
        method_folder: str | Path = METHODS,
        files: Iterable[str | Path] = (),
        check: bool = True,
    ) -> "Workflow":
        """The plan of Snakemake's `config`, checked; Problems list what is wrong with it, files' contents apart.

        `files` are those that Snakemake read it from: they are read again, because it takes a key given twice. Without
        `check` nothing is asked about data, which may be gone.
        """
        for file in files:
            read_mapping(file)
        study = _with_folder(parse_study(dict(config), "the study given to snakemake"), method_folder)
        plan = cls._made(study, Path(results))
        if check:
            plan.check_settings()
        return plan

    @classmethod
    def from_file(cls, path: Path | str, results: Path | str = "results") -> "Workflow":
        """The plan of a study file, unchecked; Problems where it is not a valid study."""
        return cls._made(_with_folder(read_study(path), METHODS), Path(results))

    def write_study(self) -> None:
        """Keep the validated study in `results/STUDY/study.json` for the jobs; done when a run really starts."""
        write_text(self.study_file, self.study.model_dump_json(indent=1) + "\n")

    @classmethod
    def of(cls, study_file: Path | str) -> "Workflow":
        """The plan of a study file that `write_study` wrote: what a job of the pipeline works from."""
        study_file = Path(study_file)
        if not study_file.is_file():
            raise FileNotFoundError(
                f"{study_file}: no such file, expected to be written before the first job; a Snakefile that uses "
                "regbench as a module says `onstart: regbench.onstart()`"
            )
        return cls._made(read_study(study_file), study_file.parent.parent)

    @staticmethod
    def _made(study: Study, results: Path) -> "Workflow":
        merged = (results / study.study / MERGED).is_file()
        return (MergedWorkflow if merged else Workflow)(study, results)

    def check_settings(self) -> None:
        """Problems list what is wrong with study and methods; files' contents are not looked at."""
        check_study(self)

    @property
    def memory_mb(self) -> int:
        """What a scheduler is asked for, for a job that the study's memory limit holds for."""
        return round(self.study.limits.memory_gb * 1024)

    @property
    def study_file(self) -> Path:
        return self.folder / "study.json"

    def code(self, stage: str) -> str:
        """Fingerprint of a stage's own code, taken once."""
        if stage not in self._codes:
            self._codes[stage] = fingerprint(STAGE_CODE[stage])
        return self._codes[stage]

    @cached_property
    def _codes(self) -> dict[str, str]:
        return {}

    def method_code(self, stage: str, method: str) -> str:
        """Fingerprint of a stage together with the method's Python class, if it is one."""
        declared = self.methods[method]
        if declared.train and stage == "models":
            return fingerprint(["regbench.models.command"])
        own = [declared.python] if declared.python else []
        return fingerprint([*STAGE_CODE[stage], *own], declared.path.parent)

    def method_facts(self, method: str) -> dict[str, Any]:
        """What a method's numbers depend on besides a study's settings: its file's options, code and files of its own."""
        declared = self.methods[method]
        stages = ("models", "runs") if declared.trains else ("runs",)
        folder = declared.path.parent
        # Modules of its own too: a commit of regbench's, by which merge takes two codes for one, says nothing of these.
        modules = modules_of(declared.python, folder) if declared.python else []
        files = [*own_files(declared, declared.options, {}), *modules]
        inside = {path: path.relative_to(folder) for path in files if path.is_relative_to(folder)}
        return {
            "label": declared.label,
            "options": declared.options,
            "runs": [declared.python, declared.command, declared.train],
            "code": {stage: self.method_code(stage, method) for stage in stages},
            "files": {str(inside.get(path, path.name)): file_hash(path)[:32] for path in files},
        }

    def wildcards(self) -> dict[str, str]:
        """Patterns that keep a wildcard to the names of this study."""
        named = {"task": self.study.tasks, "dataset": self.study.datasets, "method": self.methods}
        patterns = {key: "|".join(map(re.escape, names)) for key, names in named.items()}
        return {**patterns, "subject": r"[^/]+", "variant": r"[^/]+", "batch": r"[^/]+", "repetition": r"\d+"}

    def check_data(self, elsewhere: bool = False) -> bool:
        """Whether jobs may start: the whole check, told in the terminal, unless it passed and nothing changed since.

        `elsewhere`: jobs run on other machines, so that a device missing on this one is a warning. The check runs in a
        process of its own, for it imports what all methods import.
        """
        passed, now = self.folder / "check_passed.json", {"passed": self._checked_now(elsewhere)}
        if passed.is_file() and read_record(passed) == now:
            return True
        command = [sys.executable, "-m", "regbench", "check", str(self.study_file), "--before-jobs"]
        command += ["--elsewhere"] if elsewhere else []
        if subprocess.run(command).returncode:
            return False
        write_record(passed, now)
        return True

    def _checked_now(self, elsewhere: bool) -> str:
        """Digest of what a check that passed holds for: study, methods, scans, the code that checks, where jobs run.

        Not of what the machine has, nor of fields made elsewhere: a check that passed is not made again when these go.
        """
        people = [subject for dataset in self._subjects.values() for subject in dataset.values()]
        files = sorted({path for subject in people for path in subject.sources})
        stats = {str(path): path.stat() for path in files}
        text = _text(
            study=self.study.model_dump(mode="json", exclude={"on_failure"}),
            methods={name: vars(method) for name, method in self.methods.items()},
            files={name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()},
            code=fingerprint(["regbench.check.run"]),
            elsewhere=elsewhere,
        )
        return hashlib.sha256(text.encode()).hexdigest()

    # data
    def sources(self, w) -> list[str]:
        return [str(path) for path in self._subjects[w.dataset][w.subject].sources]

    def data_settings(self, w) -> str:
        """What a subject's data depend on: itself and the adapter's options, not how many other subjects there are."""
        settings, subject = self.study.datasets[w.dataset], self._subjects[w.dataset][w.subject]
        options = {key: value for key, value in settings.options.items() if key != "subjects"}
        code = fingerprint([*STAGE_CODE["data"], f"regbench.data.{settings.type}"])
        return _text(type=settings.type, code=code, options=options, subject=vars(subject))

    # prepared
    def subject_data(self, w) -> str:
        return self._data(w.task, w.subject)

    def reference_data(self, w) -> str:
        return self._data(w.task, self.reference(w.task))

    def reference_file(self, w) -> list[str]:
        """The task's reference, for tasks whose affine alignment has one."""
        if self.task(w.task).prepare.affine.mode != "reference":
            return []
        return [str(self.folder / "prepared" / w.task / "reference.json")]

    def prepare_settings(self, w) -> str:
        task = self.task(w.task)
        return _text(
            fixed=task.fixed, moving=task.moving, pairing=task.pairing, code=self.code("prepared"),
            grid=task.grid.model_dump(), prepare=task.prepare.model_dump(),
        )  # fmt: skip

    def pair_subjects(self, w) -> list[str]:
        names = dict.fromkeys(name for pair in self.batch_pairs(w.task, w.batch) for name in pair)
        return [str(self.folder / "prepared" / w.task / "subjects" / f"{name}.json") for name in names]

    def pair_settings(self, w) -> str:
        return _text(pairs=self.batch_pairs(w.task, w.batch), prepare=self.prepare_settings(w))

    # models
    def training_pairs(self, w) -> list[str]:
        batches = [*self.batches(w.task, "train"), *self.batches(w.task, "val")]
        return [self._pairs(w.task, batch) for batch in batches]

    def train_settings(self, w) -> str:
        return _text(
            python=self.methods[w.method].python, train=self.methods[w.method].train, options=self.options(w.method, w.variant),
            code=self.method_code("models", w.method), seed=self.study.seed, device=self.study.device,
            threads=self.study.threads, own=self._own_files(w, [{}]), processes=self.study.train_processes,
            **self._environment(w),
        )  # fmt: skip

    # runs
    def run_pairs(self, w) -> list[str]:
        return [self._pairs(w.task, batch) for batch in self._pair_batches(w)]

    def _pair_batches(self, w) -> list[str]:
        """The batches of prepared pairs that a run batch is made of.

        `r0_b1` runs `test_b1`; `r0_val`, of a setting that is tried, the validation pairs; a timed batch takes the first
        of all test pairs.
        """
        if _timed(w):
            return self.batches(w.task, "test")
        number = w.batch.partition("_")[2]
        return self.batches(w.task, "val") if number == "val" else [f"test_{number}"]

    def run_model(self, w) -> list[str]:
        """The model that a run uses: of the batch's repetition, and of the first one when timed."""
        if not self.methods[w.method].learned:
            return []
        method, variant = self.model(w.method, w.variant)
        repetition = "r0" if _timed(w) else w.batch.partition("_")[0]
        return [str(self.models(w.task) / method / variant / repetition / "record.json")]

    def run_settings(self, w) -> str:
        timing = self.study.timing
        pairs = [pair for batch in self._pair_batches(w) for pair in self.batch_pairs(w.task, batch)]
        return _text(
            options=self.options(w.method, w.variant), code=self.method_code("runs", w.method),
            seed=self.study.seed, device=self.study.device, threads=self.study.threads,
            own=self._own_files(w, [self.names(w.task, *pair) for pair in pairs]),
            timing=[timing.repetitions, self.task(w.task).pairs.timed] if _timed(w) else None,
            fields=None if _timed(w) else self._stored(w),
            **self._environment(w),
        )  # fmt: skip

    def _environment(self, w) -> dict[str, Any]:
        """Of a method that has its own."""
        own = facts_of(self.methods[w.method])
        return {"environment": own} if own else {}

    def _stored(self, w) -> list[str | None]:
        """How fields are stored and, where they are dropped, the scores for which a change needs them again."""
        fields = self.study.fields
        return [fields.precision, None if fields.keep == "all" else self.scored_by(w)]

    def run_folder(self, w) -> Path:
        return self.folder / "runs" / w.task / w.method / w.variant / w.batch

    def _own_files(self, w, names: list[dict[str, str]]) -> dict[str, list[int]]:
        """Size and time of the files that belong to a method itself: its module, scripts, fields made elsewhere."""
        method, options = self.methods[w.method], self.options(w.method, w.variant)
        found = {path for each in names for path in own_files(method, options, each)}
        return {str(path): [path.stat().st_size, path.stat().st_mtime_ns] for path in sorted(found)}

    # tuning: each setting is a variant of its own, trained as any other and run on the validation pairs
    def choice_file(self, w) -> list[str]:
        """The options that were chosen, for the variant that takes them: read when its jobs run."""
        if w.variant != TUNED or not self.is_tuned(w.method):
            return []
        return [f"{self._tuning_stem(w.task, w.method)}.options.json"]

    def job_options(self, w) -> dict[str, Any]:
        """The options of a run or a training: those of its variant, and of `tuned` those that were chosen."""
        chosen = [read_record(path)["options"] for path in self.choice_file(w)]
        return {**self.options(w.method, w.variant), **(chosen[0] if chosen else {})}

    def setting_scores(self, w) -> list[str]:
        return [
            str(self.folder / "scores" / w.task / w.method / setting / "r0_val.csv")
            for setting in self.settings(w.method)
        ]

    def setting_runs(self, w) -> list[str]:
        folder = self.folder / "runs" / w.task / w.method
        return [str(folder / setting / "r0_val" / "batch.json") for setting in self.settings(w.method)]

    def setting_models(self, w) -> list[str]:
        """The models of a method that trains, for what they cost."""
        if not self.methods[w.method].trains:
            return []
        models = [self.model(w.method, setting) for setting in self.settings(w.method)]
        return [str(self.folder / "models" / w.task / m / v / "r0" / "record.json") for m, v in models]

    def choice_settings(self, w) -> str:
        return _text(
            settings=self.tried(w.method), folding=self.study.tuning and self.study.tuning.folding_percent,
            code=self.code("tuning"),
        )  # fmt: skip

    def tuning_reports(self, _w=None) -> list[str]:
        return [f"{self._tuning_stem(task, method)}.json" for task, method in self.tuned()]

    def tuning_page(self, _w=None) -> list[str]:
        """The page on all that was tried, where something is tuned."""
        return [str(self.folder / "tuning" / "tuning.md")] if self.tuned() else []

    def tuning_asked(self, w) -> list[str]:
        """The same for who asks for it; ValueError says what a study that tunes nothing lacks."""
        if not self.tuned():
            raise ValueError(
                f"study {self.study.study} tunes nothing; add `tuning: {{}}` to it, or "
                "`tuning: {methods: [dmi_io, syn], settings: 4}` (regbench/study.py, TuningSettings)"
            )
        return self.tuning_page(w)

    def _tuning_stem(self, task: str, method: str) -> Path:
        return self.folder / "tuning" / task / method

    # scores and tables
    def score_files(self) -> list[str]:
        return [
            str(self.folder / "scores" / t / m / v / f"{b}.csv")
            for t, m, v, b in self.runs()
            if "timed" not in b
        ]

    def run_records(self) -> list[str]:
        return [self._run_record(*run) for run in self.runs()]

    def accuracy_records(self) -> list[str]:
        """Those of batches that are not timed."""
        return [self._run_record(t, m, v, b) for t, m, v, b in self.runs() if not b.startswith("timed_")]

    def _run_record(self, *run: str) -> str:
        return str(self.folder.joinpath("runs", *run, "batch.json"))

    def model_records(self) -> list[str]:
        return [
            str(self.folder / "models" / t / m / v / f"r{r}" / "record.json") for t, m, v, r in self.trained()
        ]

    def score_settings(self, w) -> str:
        return _text(scored_by=self.scored_by(w), keep=self.study.fields.keep)

    def scored_by(self, _w) -> str:
        """What scores depend on besides runs and pairs."""
        return _text(label_path=self.study.scores.label_path, code=self.code("scores"))

    def table_settings(self, _w) -> str:
        labels = {name: [m.label, m.control, m.learned, m.model_of] for name, m in self.methods.items()}
        return _text(
            labels=labels,
            study=self.study.model_dump(
                exclude={"limits", "method_folders", "fields", "figures", "on_failure"}
            ),
            code=self.code("tables"),
        )

    def figure_settings(self, _w) -> str:
        """What figures depend on besides the tables, and through them on runs."""
        return _text(settings=self.study.figures.model_dump(), code=self.code("figures"))

    def report_settings(self, w) -> str:
        return _text(tables=self.table_settings(w), figures=self.figure_settings(w), code=self.code("report"))

    def tables(self) -> list[str]:
        """Names of the tables that this study's tasks fill."""
        return sorted({f"table{task.table}" for task in self.study.tasks.values()})

    def followup_tables(self) -> list[str]:
        """The tables of carried lesions, where a task is a follow-up."""
        if all(task.pairing != "followup" for task in self.study.tasks.values()):
            return []
        return [str(self.folder / "tables" / f"followup.{form}") for form in ("csv", "md", "html")]

    def _data(self, task: str, subject: str) -> str:
        return str(self.folder / "data" / self.task(task).dataset / f"{subject}.json")

    def _pairs(self, task: str, batch: str) -> str:
        return str(self.folder / "prepared" / task / "pairs" / f"{batch}.json")


class MergedWorkflow(Workflow):
    """A study that `regbench merge` made of several: it has scores and times; data, models and runs are elsewhere."""

    stages = ("tables", "figures", "report")

    def runs(self) -> list[tuple[str, str, str, str]]:
        return []

    def trained(self) -> list[tuple[str, str, str, int]]:
        return []

    def figures(self) -> list[Asked]:
        """Those that need scores and tables alone."""
        found = [
            Asked(kind, task)
            for task in self.study.tasks
            for kind, (section, _) in KINDS.items()
            if section in OF_TABLES
        ]
        return in_reading_order(found)

    def check_settings(self) -> None:
        """Nothing: each of its studies was checked before it ran."""

    def check_data(self, elsewhere: bool = False) -> bool:
        return True

    def tuning_reports(self, _w=None) -> list[str]:
        return [f"{path}".replace(".options", "") for path in self.folder.glob("tuning/*/*.options.json")]

    def tuning_page(self, _w=None) -> list[str]:
        return []


def jobs_use(root: Path) -> None:
    """Let jobs find the package in `root` and the Python that runs Snakemake, also where neither is activated."""
    ours = {"PYTHONPATH": str(root), "PATH": str(Path(sys.executable).parent)}
    for name, first in ours.items():
        os.environ[name] = os.pathsep.join(filter(None, [first, os.environ.get(name)]))


def _with_folder(study: Study, methods: str | Path) -> Study:
    """The study with regbench's own folder of methods before its own, once."""
    own = [folder for folder in study.method_folders if Path(folder).resolve() != Path(methods).resolve()]
    return study.model_copy(update={"method_folders": [str(methods), *own]})


def _timed(w) -> bool:
    return w.batch.startswith("timed_")


def _text(**settings: Any) -> str:
    """Settings as one line of text: what Snakemake compares to decide on a rerun."""
    return json.dumps(settings, sort_keys=True, default=str)
