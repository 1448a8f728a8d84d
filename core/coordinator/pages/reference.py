"""The OpenAPI document as a page shows it: endpoints by subject, fields of bodies and answers as rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "minLength": "characters at least",
    "maxLength": "characters at most",
    "multipleOf": "a multiple of",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One field or parameter."""

    name: str
    kind: str
    """Its type, or the name of the model it is made of."""
    required: bool
    allowed: str
    """Bounds, choices and default, in words."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    key: str
    """`needed`, `optional` or `not needed`."""
    parameters: tuple[Row, ...]
    body: str
    answer: str
    answers: tuple[tuple[str, str], ...]
    """Status and sentence."""


@dataclass(frozen=True, slots=True)
class Model:
    """One object of the wire."""

    name: str
    description: str
    rows: tuple[Row, ...]


def operations(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """The operations by subject, in the order of the document."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found[operation["tags"][0]].append(_operation(path, method, operation))
    return found


def models(document: Mapping[str, Any]) -> list[Model]:
    """Every object of the wire by name."""
    return [
        Model(name=name, description=_first_line(schema), rows=tuple(_rows(schema)))
        for name, schema in sorted(document["components"]["schemas"].items())
    ]


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    security = operation.get("security")
    good = next(response for status, response in operation["responses"].items() if status.startswith("2"))
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation["description"],
        key="not needed" if security is None else "optional" if {} in security else "needed",
        parameters=tuple(_parameter(one) for one in operation["parameters"]),
        body=_content(operation.get("requestBody", {})),
        answer=_content(_best(operation["responses"], good)),
        answers=tuple((status, response["description"]) for status, response in operation["responses"].items()),
    )


def _best(responses: Mapping[str, Any], good: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first good answer that has a body."""
    bodied = (one for status, one in responses.items() if status.startswith("2") and "content" in one)
    return next(bodied, good)


def _content(holder: Mapping[str, Any]) -> str:
    for media, content in holder.get("content", {}).items():
        schema = content.get("schema")
        return _kind(schema) if schema else media
    return ""


def _parameter(one: Mapping[str, Any]) -> Row:
    return Row(name=one["name"], kind=one["in"], required=one["required"], allowed=one["description"])


def _rows(schema: Mapping[str, Any]) -> Iterable[Row]:
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        yield Row(name=name, kind=_kind(field), required=name in required, allowed=", ".join(_allowed(field)))
    if "enum" in schema:
        yield Row(name="", kind="one of", required=True, allowed=", ".join(map(str, schema["enum"])))


def _kind(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_kind(one) for one in field["anyOf"]))
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}))}"
    return str(field.get("type", "anything"))


def _allowed(field: Mapping[str, Any]) -> Iterable[str]:
    inner = [field, *cast("list[Mapping[str, Any]]", field.get("anyOf", []))]
    for one in inner:
        yield from (f"{word} {one[bound]}" for bound, word in _BOUNDS.items() if bound in one)
    if field.get("default") not in (None, [], {}):
        yield f"default {field['default']}"
    if "description" in field:
        yield str(field["description"])


def _first_line(schema: Mapping[str, Any]) -> str:
    return str(schema.get("description", "")).strip().partition("\n\n")[0]
