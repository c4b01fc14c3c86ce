"""YAML and JSON files written by people: plain values only, every key once, and errors that name the line."""

import json
from pathlib import Path
from typing import Any

import yaml

from regbench.problems import Problem, Problems


class _Twice(yaml.MarkedYAMLError):
    """A key given twice, in YAML or JSON."""


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, of which YAML would keep the last in silence."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        assert node is not None
        seen: dict[str, int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                what = (
                    f"the key {key.value!r} is given twice, first in line {seen[key.value]}; keep one of them"
                )
                raise _Twice(problem=what, problem_mark=key.start_mark)
            seen[key.value] = key.start_mark.line + 1
        return node


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys are all there once."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(problem=f"the key {key!r} is given twice; keep one of them")
        found[key] = value
    return found


def read_mapping(path: Path | str) -> dict[str, Any]:
    """The settings in a YAML or JSON file.

    Raises FileNotFoundError, or Problems that name file and line: not text, not YAML, tags that would make objects or run
    code, a key given twice, or something other than a mapping.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise FileNotFoundError(f"{path}: {what}; `regbench list studies` names the studies there are")
    try:
        text = path.read_text(encoding="utf-8-sig")
        raw = (
            json.loads(text, object_pairs_hook=_object)
            if path.suffix == ".json"
            else yaml.load(text, _Loader)
        )
    except yaml.YAMLError as error:
        raise Problems([_problem(path, error)], f"{path}: not a valid file of settings") from error
    except ValueError as error:
        problem = Problem(
            str(path), f"not {path.suffix.lstrip('.')} text in UTF-8 ({error})", "save it as such"
        )
        raise Problems([problem], f"{path}: not a valid file of settings") from error
    if not isinstance(raw, dict):
        problem = Problem(
            str(path),
            f"expected a mapping of settings, found {type(raw).__name__}",
            "see config.yaml for one",
        )
        raise Problems([problem], f"{path}: not a valid file of settings")
    return raw


def _problem(path: Path, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    where = f"{path}, line {mark.line + 1}" if mark else str(path)
    if isinstance(error, yaml.constructor.ConstructorError) and "tag" in str(error.problem):
        tag = str(error.problem).rpartition("tag ")[2]
        return Problem(
            where, f"the tag {tag} would make an object or run code; expected plain values", "remove it"
        )
    what = getattr(error, "problem", None) or str(error)
    what, _, todo = what.partition("; ")
    return Problem(
        where, f"not valid YAML: {what}" if not todo else what, todo or "check indentation and quotes"
    )
