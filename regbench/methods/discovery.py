"""Methods are found by globbing: one file NAME.smk each, a rule with literal parameters. There is no other registry."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from regbench.methods.names import name_problem
from regbench.problems import Problem, Problems, collected, nearest

HEADER = re.compile(r"^use\s+rule\s+(?P<base>\w+)\s+as\s+(?P<name>\w+)\s+with\s*:\s*(#.*)?$")
PLACEHOLDER = re.compile(r"\b[A-Z][A-Z0-9_]*\b")  # a word of a command that is replaced
DIRECTIVE = re.compile(r"^(?P<indent>\s+)(?P<name>\w+)\s*:\s*(?P<rest>.*)$")
EXPECTED = (
    "expected `use rule run as NAME with:`, then `wildcard_constraints:` and `params:` with literal values"
)
TUNING = 'expected `TUNING = [{"option": value}, …]`: a list of literal settings, each changing at least one option'


@dataclass(frozen=True)
class MethodFile:
    """A method as its file declares it. Exactly one of `python` ("package.module:Class") and `command` is set.

    `command` is a template split as a shell would, without a shell. Words in capitals are replaced: FIXED, MOVING, OUT,
    FIXED_MASK, MOVING_MASK, THREADS, DEVICE, SEED, MODEL, HERE (the method file's folder), PYTHON (the method's), and the
    options by their names. It runs in an empty folder that is deleted afterwards. A command that learns has a second template,
    `train`, with PAIRS and VALIDATION (CSV files: pair, fixed, moving, fixed_mask, moving_mask), and MODEL for the file to write
    (models/command.py).
    `devices`: where it can run. `trains`: it has models of its own; `model_of`: it runs with those of another method (of
    the variant of the same name, else of the first). `control` rows are left out of comparisons; `timed=False` says that
    a method's time means nothing (a control's never does). `requires` names options that must have a value before the method takes part in a
    study; `packages` are modules beyond regbench's own that must be installed. `tuning`: settings laid over `options`, of
    which `snakemake tune` chooses.

    At most one of three says where class or command runs, when not in regbench's own environment: `venv`, a folder;
    `conda`, an environment's name, its folder (with a /) or an environment.yml that names it; `container`, apptainer's
    image, a file or docker://NAME. Paths are relative to the method file's folder. A class needs Python 3.11 or later,
    numpy and nibabel there.
    """

    name: str
    path: Path
    label: str
    python: str | None = None
    command: str | None = None
    train: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    modalities: tuple[str, ...] = ("mono", "multi")
    devices: tuple[str, ...] = ("cpu",)
    trains: bool = False
    model_of: str | None = None
    needs_truth: bool = False
    control: bool = False
    timed: bool = True
    requires: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    venv: str | None = None
    conda: str | None = None
    container: str | None = None
    source: str = ""
    tuning: tuple[dict[str, Any], ...] = ()

    @property
    def learned(self) -> bool:
        """Whether it runs with a trained model, its own or another method's."""
        return self.trains or self.model_of is not None

    @property
    def own_environment(self) -> str | None:
        """Which of `venv`, `conda` and `container` it names; None where it runs in regbench's environment."""
        return next((kind for kind in ENVIRONMENTS if getattr(self, kind)), None)

    def missing(self, options: dict[str, Any]) -> list[str]:
        """Required options that `options` gives no value."""
        return [name for name in self.requires if options.get(name) in (None, "")]


ENVIRONMENTS = ("venv", "conda", "container")
LISTS = ("modalities", "devices", "requires", "packages")
TYPES = {"options": dict, **dict.fromkeys(LISTS, (list, tuple))}
TYPES |= dict.fromkeys(("trains", "needs_truth", "control", "timed"), bool)
WORDS = {"modalities": {"mono", "multi"}, "devices": {"cpu", "cuda"}}
KEYS = {entry.name for entry in fields(MethodFile)} - {"name", "path", "tuning"}


def discover(folders: list[Path]) -> dict[str, MethodFile]:
    """Read every NAME.smk of `folders`, by name in alphabetical order.

    Raises Problems when a folder is not there, no method is found, two files have the same name, or a file is not
    of the expected form (the message names file and line).
    """
    found: dict[str, MethodFile] = {}
    problems: list[Problem] = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            problems.append(Problem(str(folder), "no such folder of methods", "correct `method_folders`"))
        for path in sorted(folder.glob("*.smk")):
            if path.stem in found:
                what = f"a method of that name is already in {found[path.stem].path}"
                problems.append(Problem(str(path), what, "rename one"))
            with collected(problems, str(path)):
                found[path.stem] = read_method_file(path)
    if not found and not problems:
        where = ", ".join(map(str, folders)) or "an empty list of folders"
        problems.append(Problem(where, "no method (NAME.smk) there", "correct `method_folders`"))
    problems += [] if problems else _ownerless(found)
    if problems:
        raise Problems(problems, "methods that cannot be used")
    return dict(sorted(found.items()))


def _ownerless(found: dict[str, MethodFile]) -> list[Problem]:
    trained = sorted(name for name, method in found.items() if method.trains)
    return [
        Problem(
            str(m.path),
            f"model_of={m.model_of!r}: expected a method that trains, one of {trained}",
            "correct it",
        )
        for m in found.values()
        if m.model_of and m.model_of not in trained
    ]


def read_method_file(path: Path) -> MethodFile:
    """Parse one method file; ValueError names the file and the line of what is wrong."""
    lines = path.read_text(encoding="utf8").splitlines()
    header = [(at, match) for at, line in enumerate(lines, 1) if (match := HEADER.match(line))]
    if len(header) != 1 or header[0][1]["base"] != "run":
        raise ValueError(f"{path}: {EXPECTED}")
    start, match = header[0]
    if match["name"] != path.stem:
        raise ValueError(
            f"{path}:{start}: the rule is called {match['name']!r}; expected the file's name, {path.stem!r}"
        )
    if problem := name_problem(path.stem, path.parent, path.with_suffix(".py").exists()):
        raise ValueError(f"{path}: {path.stem!r}: {problem}")
    blocks = dict(_blocks(lines, start))
    constraint = _literals(path, *blocks.get("wildcard_constraints", (start, "")))
    if constraint.get("method") != path.stem:
        raise ValueError(f'{path}:{start}: expected `wildcard_constraints: method="{path.stem}"`')
    if "params" not in blocks:
        raise ValueError(f"{path}:{start}: no `params:`; {EXPECTED}")
    at, text = blocks["params"]
    method = _method(path, at, _literals(path, at, text))
    return replace(method, tuning=_tuning(method, "\n".join(lines[: start - 1])))


def _tuning(method: MethodFile, above: str) -> tuple[dict[str, Any], ...]:
    """The settings in `TUNING = [...]` above the rule. Among its params, each new one would rerun all of its variants."""
    if not re.search(r"^TUNING\b", above, re.MULTILINE):
        return ()
    try:
        assigned = [node for node in ast.parse(above).body if isinstance(node, ast.Assign)]
        node = next(node.value for node in assigned if ast.unparse(node.targets[0]) == "TUNING")
        settings = ast.literal_eval(node)
    except (SyntaxError, StopIteration, ValueError) as error:
        raise ValueError(f"{method.path}: TUNING: {str(error) or 'not assigned'}; {TUNING}") from error
    if not isinstance(node, ast.List) or not all(isinstance(each, dict) and each for each in settings):
        raise ValueError(f"{method.path}:{node.lineno}: {TUNING}")
    for key in (key for each in node.elts if isinstance(each, ast.Dict) for key in each.keys if key):
        if (name := ast.literal_eval(key)) not in method.options:
            raise ValueError(
                f"{method.path}:{key.lineno}: TUNING sets {name!r}{nearest(str(name), method.options)}, which is not among "
                f"the method's options; expected some of {', '.join(method.options) or 'them, of which there are none'}"
            )
    return tuple(settings)


def _blocks(lines: list[str], start: int) -> Iterator[tuple[str, tuple[int, str]]]:
    """(directive, (line number of its first line, text of its body)) of the rule that begins at line `start`."""
    heads = [(at, match) for at in range(start, len(lines)) if (match := DIRECTIVE.match(lines[at]))]
    indent = min((len(match["indent"]) for _, match in heads), default=0)
    heads = [(at, match) for at, match in heads if len(match["indent"]) == indent]
    for (at, match), following in zip(heads, [at for at, _ in heads[1:]] + [len(lines)], strict=True):
        yield match["name"], (at + 1, "\n".join([match["rest"], *lines[at + 1 : following]]))


def _literals(path: Path, first: int, text: str) -> dict[str, Any]:
    """The keywords of a directive's body, as values; `first` is the line number of the body's first line."""
    try:
        call = ast.parse(f"dict({text}\n)", mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"{path}:{first + (error.lineno or 1) - 1}: {error.msg}; {EXPECTED}") from error
    assert isinstance(call, ast.Call)
    if call.args:
        raise ValueError(f"{path}:{first + call.args[0].lineno - 1}: expected name=value; {EXPECTED}")
    values: dict[str, Any] = {}
    for keyword in call.keywords:
        line = first + keyword.value.lineno - 1
        try:
            values[keyword.arg or "**"] = ast.literal_eval(keyword.value)
        except ValueError as error:
            raise ValueError(
                f"{path}:{line}: {keyword.arg} is not a literal value (text, number, list, …)"
            ) from error
    return values


def _method(path: Path, line: int, params: dict[str, Any]) -> MethodFile:
    where = f"{path}:{line}: params"
    if unknown := set(params) - KEYS:
        raise ValueError(
            f"{where}: unknown {', '.join(sorted(unknown))}; expected some of {', '.join(sorted(KEYS))}"
        )
    if not isinstance(params.get("label"), str):
        raise ValueError(f'{where}: label="…", the row\'s name in the tables, is missing')
    if ("python" in params) == ("command" in params):
        raise ValueError(
            f'{where}: expected either python="package.module:Class" or command="tool FIXED MOVING OUT"'
        )
    for name, value in params.items():
        kind = TYPES.get(name, str)
        if not isinstance(value, kind):
            raise ValueError(f"{where}: {name}={value!r} is a {type(value).__name__}, which it cannot be")
    for name, words in WORDS.items():
        if unknown := set(params.get(name, ())) - words:
            raise ValueError(f"{where}: {name} holds {sorted(unknown)}; expected some of {sorted(words)}")
    if params.get("trains") and "model_of" in params:
        raise ValueError(f"{where}: expected either trains=True or model_of=, not both")
    if len(own := [kind for kind in ENVIRONMENTS if kind in params]) > 1:
        raise ValueError(f"{where}: expected one of {' and '.join(own)}, not both")
    if own and params.get("trains"):
        raise ValueError(
            f"{where}: {own[0]} with trains=True: a class is trained in regbench's environment; "
            'give a command that trains (train="…") instead, or train it elsewhere and name the model in an option'
        )
    if params.get("trains") and "command" in params:
        raise ValueError(f'{where}: trains=True is for classes; give the command that trains: train="…"')
    if "train" in params:
        if "command" not in params or "trains" in params or "model_of" in params:
            raise ValueError(f"{where}: train= is the training of a command=, instead of trains or model_of")
        if missing := {"PAIRS", "MODEL"} - set(PLACEHOLDER.findall(params["train"])):
            raise ValueError(f"{where}: train= says nothing of {' and '.join(sorted(missing))}")
        params["trains"] = True
    params |= {name: tuple(params[name]) for name in LISTS if name in params}
    if "python" in params and (params.get("trains") or "model_of" in params):
        params.setdefault("devices", ("cpu", "cuda"))
    return MethodFile(name=path.stem, path=path, **params)
