"""Discord's own documents (OpenAPI and gateway schema) held against what goes over the wire, where they are at hand."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

FOLDER = Path(__file__).parents[4] / "shared/data/discord"
"""Beside the checkout; a fresh clone has no such folder."""
_ID = 2**31


class Schema:
    """Collects what goes against the documents; without them everything passes and `present` is false."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.present = (FOLDER / "discord-openapi.json").is_file()
        if not self.present:
            return
        self._openapi = json.loads((FOLDER / "discord-openapi.json").read_text(encoding="utf-8"))
        self._gateway = json.loads((FOLDER / "discord-gateway.schema.json").read_text(encoding="utf-8"))
        self._registry = Registry().with_resources(
            [
                ("urn:openapi", DRAFT202012.create_resource(self._openapi)),
                ("urn:gateway", DRAFT202012.create_resource(self._gateway)),
            ]
        )
        self._paths = sorted(
            ((re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in self._openapi["paths"]),
            key=lambda each: each[1].count("{"),
        )
        self._validator = cache(self._new_validator)

    def request(self, method: str, path: str, body: object) -> None:
        """What discord.py sends."""
        operation = self._operation(method, path)
        if operation and "requestBody" in operation[0] and body is not None:
            content = operation[0]["requestBody"]["content"]
            pointer = f"{operation[1]}/requestBody/content/{_escaped('application/json')}/schema"
            if "application/json" in content:
                self._check(f"{method} {path}", f"urn:openapi#{pointer}", _as_json(body))

    def answer(self, method: str, path: str, status: int, body: object) -> None:
        """What the double answers; errors have a form of their own."""
        operation = self._operation(method, path)
        if operation and status < 300 and body is not None:
            code = str(status) if str(status) in operation[0]["responses"] else "200"
            content = operation[0]["responses"].get(code, {}).get("content", {})
            if "application/json" in content:
                pointer = f"{operation[1]}/responses/{code}/content/{_escaped('application/json')}/schema"
                self._check(f"{status} {method} {path}", f"urn:openapi#{pointer}", body)

    def event(self, name: str, data: object) -> None:
        """What the double tells over the gateway."""
        title = "".join(part.capitalize() for part in name.split("_"))
        definition = f"Gateway{title}DispatchData"
        if self.present and definition in self._gateway["definitions"]:
            self._check(f"event {name}", f"urn:gateway#/definitions/{definition}", data)

    def _operation(self, method: str, path: str) -> tuple[dict[str, Any], str] | None:
        if not self.present:
            return None
        known = next((each for pattern, each in self._paths if pattern.fullmatch(path)), None)
        operation = self._openapi["paths"].get(known, {}).get(method.lower()) if known else None
        if operation is None:
            self.problems.append(f"{method} {path}: Discord has no such operation")
            return None
        return operation, f"/paths/{_escaped(str(known))}/{method.lower()}"

    def _check(self, what: str, pointer: str, value: object) -> None:
        errors = list(self._validator(pointer).iter_errors(value))
        if errors:
            error = best_match(errors)
            where = "/".join(map(str, error.absolute_path))
            self.problems.append(f"{what}: {where}: {error.message[:300]}")

    def _new_validator(self, pointer: str) -> Draft202012Validator:
        return Draft202012Validator({"$ref": pointer}, registry=self._registry)


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def _as_json(value: Any) -> Any:
    """Ids arrive as numbers in requests, which Discord takes as well as text."""
    if isinstance(value, dict):
        inner = {name: _as_json(each) for name, each in value.items()}
        return inner | ({"id": str(inner["id"])} if "filename" in inner and "id" in inner else {})
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value >= _ID else value
