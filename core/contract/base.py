"""The two kinds of message on the wire: what is asked (validated) and what is answered (read tolerantly)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from core.contract.limits import Bounds


def _without_nulls(data: object) -> object:
    """A null means the same as a missing key, in both directions: the default applies."""
    if not isinstance(data, Mapping):
        return data
    return {key: value for key, value in cast("Mapping[str, Any]", data).items() if value is not None}


class Wire(BaseModel):
    """A JSON object of the API. Values never change; unknown keys are ignored; null counts as missing."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: object) -> object:
        return _without_nulls(data)


class Ask(Wire):
    """A request body."""

    def wire(self) -> dict[str, Any]:
        """The JSON object to send: only what was set, so that the server's own defaults stay in effect."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @classmethod
    def read(cls, data: object, bounds: Bounds | None = None) -> Self:
        """Validate what arrived.

        Args:
            data: the decoded JSON body.
            bounds: the limits of this server where they differ from the public API's.

        Raises:
            pydantic.ValidationError: turn it into the wire's words with `problems.validation_body`.
        """
        return cls.model_validate(data, context=bounds)


class Answer(Wire):
    """A response body: every declared key is sent, with null where there is nothing to say."""

    def wire(self) -> dict[str, Any]:
        """The JSON object to send."""
        return self.model_dump(mode="json", by_alias=True)

    def wire_bytes(self) -> bytes:
        """The same as it goes over the wire."""
        return self.model_dump_json(by_alias=True).encode()


class Sparse(Answer):
    """A response body (or a part of one) that leaves out what is null."""

    @model_serializer(mode="wrap")
    def _leave_out_nulls(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


def _to_whole(value: object) -> object:
    return round(value) if isinstance(value, float) and math.isfinite(value) else value


def _to_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Whole = Annotated[int, BeforeValidator(_to_whole)]
"""A whole number; other hordes send a fraction where they average."""

Text = Annotated[str, BeforeValidator(_to_text)]
"""Text that some programs send as a number (seeds)."""
