"""Settings checked against their model, with messages for people: the key, what was expected, the nearest right name."""

from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from regbench.problems import Problem, Problems, nearest, problem_of

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[int | str, ...]


def validated(model: type[Model], raw: Mapping[str, Any], source: str, prefix: str = "") -> Model:
    """The settings in `raw`, or Problems that name every wrong key, `prefix` before it, under the heading `source`."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = [_problem(model, dict(found), prefix) for found in error.errors(include_url=False)]
        raise Problems(problems, source) from error


def _problem(model: type[BaseModel], error: dict[str, Any], prefix: str) -> Problem:
    place: Place = error["loc"]
    key = ".".join([*([prefix] if prefix else []), *map(str, place)]) or "study"
    found = error["input"]
    match error["type"]:
        case "extra_forbidden":
            known = sorted(keys_at(model, place[:-1]))
            guess = nearest(str(place[-1]), known)
            return Problem(key, f"unknown key{guess}", f"expected some of {', '.join(known)}")
        case "missing":
            return Problem(key, "this key is missing", "add it")
        case "string_pattern_mismatch":
            return Problem(
                key,
                f"{found!r} cannot be a name, it becomes part of paths",
                "use letters, digits, '.', '-' and single '_'",
            )
        case "value_error":
            return problem_of(error["msg"].removeprefix("Value error, "), key)
        case _:
            return Problem(key, f"{_lower(error['msg'])}, found {_short(found)}", "correct it")


def keys_at(model: Any, place: Place) -> set[str]:
    """Names of the settings that may stand at a place within a model, as ("tasks", "mono")."""
    kinds = list(_members(model))
    for step in place:
        kinds = [inner for kind in kinds for inner in _inside(kind, step)]
    return {name for kind in kinds if _is_model(kind) for name in kind.model_fields}


def _inside(kind: Any, step: int | str) -> list[Any]:
    """The types of what stands at one step inside a type; a step may also name the member of a union itself."""
    if _is_model(kind):
        field = kind.model_fields.get(str(step))
        if field is None:
            return [kind] if step == kind.__name__ else []
        return list(_members(field.annotation))
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        arguments = arguments[1:]
    return [member for argument in arguments for member in _members(argument)]


def _members(annotation: Any) -> Iterable[Any]:
    """The types an annotation allows, without None and metadata."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (None, dict, list, tuple):
        return [annotation]
    return [member for each in get_args(annotation) if each is not NoneType for member in _members(each)]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."
