"""YAML and JSON files written by people: plain values only, every key once, and errors that name the line."""

import json
from pathlib import Path
from typing import Any

import yaml

from regbench.problems import Problem, Problems


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, of which YAML would keep the last in silence."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        assert node is not None
        seen: dict[str, int] = {}
        for key, _ in node.value:
            first = (
                seen.setdefault(key.value, key.start_mark.line) if isinstance(key, yaml.ScalarNode) else None
            )
            if first is not None and first != key.start_mark.line:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} is given twice, first in line {first + 1}; keep one of them",
                    problem_mark=key.start_mark,
                )
        return node


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
        raw = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Loader)
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
