"""The OpenAPI 3.1 document, made from the endpoints that are really routed and the contract's models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from core.contract.problems import ErrorBody, ValidationBody
from core.coordinator.api.endpoint import Endpoint, Key
from core.coordinator.rooms import VERSION

_REF = "#/components/schemas/{model}"
_PART = re.compile(r"{(\w+)}")
_PARTS = {
    "id": "Id of the request, account or worker.",
    "name": "Its name.",
    "key": "Name of the picture in the store.",
    "ipaddr": "An IP address.",
}
_STATUSES = {
    200: "Done.",
    201: "Made.",
    202: "Accepted.",
    400: "Something in the call is not what it may be.",
    404: "There is no such thing (any more).",
    408: "The body took too long to arrive.",
    429: "Too often, or too much at once; `Retry-After` says when to try again.",
    500: "A fault of the coordinator; the log holds the `X-Request-Id` of the answer.",
}


def document(endpoints: Sequence[Endpoint], *, title: str) -> dict[str, Any]:
    """The whole document as JSON-able values."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": VERSION,
            "description": "An AI Horde: API v2 of the public horde, with additions of our own under /api/largesse/.",
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(endpoint.tag for endpoint in endpoints)],
        "paths": paths,
        "components": {
            "schemas": _schemas(endpoints),
            "securitySchemes": {"apikey": {"type": "apiKey", "in": "header", "name": "apikey"}},
        },
    }


def _schemas(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    models = {model for endpoint in endpoints for model in (endpoint.body, endpoint.answer) if model is not None}
    wanted = sorted({*models, ErrorBody, ValidationBody}, key=lambda model: model.__name__)
    _, schema = models_json_schema([(model, "validation") for model in wanted], ref_template=_REF)
    return schema["$defs"]


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "description": (endpoint.handle.__doc__ or "").strip(),
        "operationId": f"{endpoint.handle.__module__.rpartition('.')[2]}_{endpoint.handle.__name__}",
        "tags": [endpoint.tag],
        "parameters": list(_parameters(endpoint)),
        "responses": _responses(endpoint),
    }
    if endpoint.key is not Key.NONE:
        operation["security"] = [{"apikey": []}] if endpoint.key is Key.REQUIRED else [{"apikey": []}, {}]
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(endpoint.body)}}}
    elif endpoint.takes:
        operation["requestBody"] = {"required": True, "content": {endpoint.takes: {}}}
    return operation


def _parameters(endpoint: Endpoint) -> Iterable[dict[str, Any]]:
    for name in _PART.findall(endpoint.path):
        yield _parameter(name, "path", _PARTS[name], required=True)
    for name, sentence in endpoint.query.items():
        yield _parameter(name, "query", sentence)
    for name, sentence in endpoint.headers.items():
        yield _parameter(name, "header", sentence)
    if endpoint.body is not None:
        yield _parameter("Client-Agent", "header", "Your program: `name:version:contact`.")
    if endpoint.answer is not None:
        yield _parameter("X-Fields", "header", "Keys of the answer that are wanted, like `id,kudos`.")


def _parameter(name: str, place: str, sentence: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "description": sentence, "schema": {"type": "string"}}


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    responses: dict[int, dict[str, Any]] = {endpoint.status: _good(endpoint)}
    for status, sentence in endpoint.also.items():
        responses[status] = _refusal(sentence) if status >= 400 else {"description": sentence}
    slow = (408,) if endpoint.body is not None or endpoint.takes else ()
    for status in (400, 404, *slow, 429, 500):
        responses.setdefault(status, _refusal(_STATUSES[status]))
    responses[400] = {
        "description": _STATUSES[400],
        "content": {"application/json": {"schema": {"anyOf": [_ref(ValidationBody), _ref(ErrorBody)]}}},
    }
    return {str(status): responses[status] for status in sorted(responses)}


def _good(endpoint: Endpoint) -> dict[str, Any]:
    good: dict[str, Any] = {"description": _STATUSES[endpoint.status]}
    if endpoint.answer is not None:
        one = _ref(endpoint.answer)
        good["content"] = {endpoint.media: {"schema": {"type": "array", "items": one} if endpoint.many else one}}
    elif endpoint.media:
        good["content"] = {endpoint.media: {}}
    return good


def _refusal(sentence: str) -> dict[str, Any]:
    return {"description": sentence, "content": {"application/json": {"schema": _ref(ErrorBody)}}}


def _ref(model: type) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}
