"""What a refusal looks like on the wire, and how failed validation is put into its words.

`{"message": ..., "rc": ...}` for everything that a rule refuses; `{"errors": {"params.n": ...}, "message": ...}` with
status 400 and no `rc` for a body that does not fit its model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from core.contract.base import Answer, Sparse
from core.contract.codes import Rc

VALIDATION_MESSAGE = "Input payload validation failed"
_LONGEST_QUOTE = 80
_FOLLOWS_FROM_ANOTHER = "default_factory_not_called"
"""What pydantic adds for a default that depends on a field that failed."""


class ErrorBody(Sparse):
    """Any refusal: a sentence, and a code where a rule made it (an `Rc`, or one of another horde)."""

    message: str
    rc: str | None = None


class ValidationBody(Answer):
    """A body that does not fit: one sentence for each field, keyed by its dotted path."""

    errors: dict[str, str] = Field(default_factory=dict[str, str])
    message: str = VALIDATION_MESSAGE


def validation_body(error: ValidationError) -> ValidationBody:
    """Put what pydantic found into the wire's words (status 400).

    Of several findings about one field the first is kept.
    """
    errors: dict[str, str] = {}
    for details in error.errors(include_url=False):
        if details["type"] != _FOLLOWS_FROM_ANOTHER:
            errors.setdefault(_path(details), _sentence(details))
    return ValidationBody(errors=errors)


def missing_header(name: str) -> ValidationBody:
    """The answer to a request without a header that it needs; the public API answers 400 here, not 401."""
    return ValidationBody(errors={name: f"Missing required parameter in the HTTP headers: {name}"})


def _path(details: ErrorDetails) -> str:
    return ".".join(str(part) for part in details["loc"]) or "body"


def _quote(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 4]} ..."


def _type_of(name: str) -> Callable[[str, Mapping[str, Any]], str]:
    return lambda value, _: f"{value} is not of type '{name}'"


_SENTENCES: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "greater_than_equal": lambda value, ctx: f"{value} is less than the minimum of {ctx['ge']:g}",
    "less_than_equal": lambda value, ctx: f"{value} is greater than the maximum of {ctx['le']:g}",
    "multiple_of": lambda value, ctx: f"{value} is not a multiple of {ctx['multiple_of']:g}",
    "string_too_short": lambda value, ctx: f"{value} is shorter than {ctx['min_length']} characters",
    "string_too_long": lambda value, ctx: f"{value} is longer than {ctx['max_length']} characters",
    "too_long": lambda _, ctx: f"more than {ctx['max_length']} elements",
    "unique_items": lambda value, _: f"{value} has non-unique elements",
    "enum": lambda value, ctx: f"{value} is not one of {ctx['expected']}",
    "string_type": _type_of("string"),
    "bool_type": _type_of("boolean"),
    "bool_parsing": _type_of("boolean"),
    "int_type": _type_of("integer"),
    "int_parsing": _type_of("integer"),
    "int_from_float": _type_of("integer"),
    "float_type": _type_of("number"),
    "float_parsing": _type_of("number"),
    "finite_number": _type_of("number"),
    "list_type": _type_of("array"),
    "dict_type": _type_of("object"),
    "model_type": _type_of("object"),
}


def _sentence(details: ErrorDetails) -> str:
    if details["type"] == "missing":
        return f"'{details['loc'][-1]}' is a required property"
    words = _SENTENCES.get(details["type"])
    if words is None:
        return f"{_quote(details['input'])} is not valid: {details['msg']}"
    return words(_quote(details["input"]), details.get("ctx") or {})


__all__ = ["VALIDATION_MESSAGE", "ErrorBody", "Rc", "ValidationBody", "missing_header", "validation_body"]
