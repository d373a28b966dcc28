"""What is wrong with a document, in one line: where, what, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from taskvec.checkpoints.quoting import quoted
from taskvec.editing.recipe.yaml_text import Document, Place
from taskvec.errors import RecipeError

_MISSING, _UNKNOWN = "missing", "extra_forbidden"


def one_line(error: ValidationError, document: Document, model: type[BaseModel]) -> RecipeError:
    """Turn what a schema complains of into one error about the most telling complaint.

    Args:
        error: The complaints.
        document: What was read.
        model: The schema.

    Returns:
        The error, with file and line.
    """
    complaints = [(_place(document.data, one["loc"]), one) for one in error.errors(include_url=False)]
    place, worst = max(complaints, key=lambda each: (_weight(each[1]), len(each[0])))
    return RecipeError(f"{document.at(place)}: {_sentence(place, worst, document, model)}")


def meant(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` where a known word resembles this one, and nothing elsewhere."""
    close = get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {quoted(close[0])}?" if close else ""


def path_of(place: Place) -> str:
    """Return a place as a person writes it: ``steps.skills.vectors[0]``."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)
    return text.removeprefix(".") or "the recipe"


def _weight(complaint: Any) -> int:
    """An unknown key says more than a value that fits none of several kinds."""
    return {_UNKNOWN: 3, "value_error": 2, _MISSING: 1}.get(complaint["type"], 0)


def _sentence(place: Place, complaint: Any, document: Document, model: type[BaseModel]) -> str:
    where = path_of(place)
    match complaint["type"]:
        case "extra_forbidden":
            known = known_keys(model, complaint["loc"][:-1])
            listing = f" (known: {', '.join(sorted(known))})" if known else ""
            return f"unknown key {quoted(where)}{meant(str(place[-1]), known)}{listing}"
        case "missing":
            return f"{path_of((*place, complaint['loc'][-1]))} is missing; add it"
        case "value_error":
            return f"{where}: {complaint['ctx']['error']}"
        case _:
            expected = complaint["msg"].removeprefix("Input should be ")
            if expected == complaint["msg"]:
                return f"{where} is {quoted(_found(document.data, place))}: {expected[:1].lower()}{expected[1:]}"
            return f"{where} is {quoted(_found(document.data, place))}, expected {expected}"


def _found(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data


def _place(data: Any, location: Iterable[str | int]) -> Place:
    """Keep of a schema's location what the document has: the schema also names the kinds that it tried."""
    place: list[str | int] = []
    for key in location:
        is_there = key in data if isinstance(data, dict) else isinstance(data, list) and key in range(len(data))
        if is_there:
            data = data[key]
            place.append(key)
    return tuple(place)


def known_keys(model: type[BaseModel], location: Iterable[str | int]) -> tuple[str, ...]:
    """Return the keys that a schema knows at a location.

    Args:
        model: The schema of the whole.
        location: Where, as the schema's own errors say it.

    Returns:
        The keys; none where the schema takes any.
    """
    schema: Any = model.model_json_schema()
    definitions = schema.get("$defs", {})
    here = [schema]
    for key in location:
        here = [inner for each in here for inner in _within(each, key, definitions)] or here
    return tuple(dict.fromkeys(name for each in here for name in each.get("properties", {})))


def _within(schema: Any, key: str | int, definitions: Any) -> list[Any]:
    """Return the schemas of what lies under a key, or that bear its name."""
    found: list[Any] = []
    for each in _alternatives(schema, definitions):
        if each.get("title") == key:
            found.append(each)
        elif isinstance(key, int) and "items" in each:
            found += _alternatives(each["items"], definitions)
        elif key in each.get("properties", {}):
            found += _alternatives(each["properties"][key], definitions)
        elif isinstance(each.get("additionalProperties"), dict):
            found += _alternatives(each["additionalProperties"], definitions)
    return found


def _alternatives(schema: Any, definitions: Any) -> list[Any]:
    """Return the schemas that a reference or a union stands for."""
    if "$ref" in schema:
        return _alternatives(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    inner = schema.get("anyOf", schema.get("oneOf"))
    return [schema] if inner is None else [one for each in inner for one in _alternatives(each, definitions)]
