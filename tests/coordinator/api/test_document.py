"""The OpenAPI document and the pages."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any, cast

import pytest

from core.coordinator.api.routes import ENDPOINTS


def references(value: object) -> list[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        inner = cast("dict[str, object]", value)
        own = [str(inner["$ref"])] if "$ref" in inner else []
        return own + [ref for one in inner.values() for ref in references(one)]
    if isinstance(value, list):
        return [ref for one in cast("list[object]", value) for ref in references(one)]
    return []


async def test_the_document_describes_what_is_routed(horde: Any) -> None:
    """Every endpoint is in it, with unique ids, its path parameters declared and its references resolved."""
    document = (await horde.get("/api/openapi.json")).json
    assert document["openapi"].startswith("3.1")
    assert {(path, method.upper()) for path, methods in document["paths"].items() for method in methods} == {
        (endpoint.path, endpoint.method) for endpoint in ENDPOINTS
    }
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            declared = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
            assert operation["summary"]
            assert operation["description"]
            assert any(status.startswith("2") for status in operation["responses"])
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= schemas
    assert (await horde.get("/api/swagger.json")).json == document


async def test_the_document_is_valid(horde: Any) -> None:
    """A validator of the OpenAPI project's own schema accepts it."""
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate((await horde.get("/api/openapi.json")).json)


async def test_the_document_knows_the_bounds(horde: Any) -> None:
    """Limits of the contract stand in the schemas."""
    schemas = (await horde.get("/api/openapi.json")).json["components"]["schemas"]
    params = schemas["GenerationParams"]["properties"]
    assert (params["width"]["minimum"], params["width"]["maximum"], params["width"]["multipleOf"]) == (64, 3072, 64)
    assert schemas["GenerateRequest"]["required"] == ["prompt"]


class Outline(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def outline(html: str) -> Outline:
    found = Outline()
    found.feed(html)
    return found


@pytest.mark.parametrize("path", ["/", "/api/"])
async def test_pages_are_plain_and_safe(horde: Any, path: str) -> None:
    """No script, nothing from elsewhere, a policy that forbids both; a language, a title, one main heading."""
    answer = await horde.get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    page = outline(answer.raw.decode())
    names = [tag for tag, _ in page.tags]
    assert "script" not in names
    assert names.count("h1") == names.count("main") == names.count("title") == 1
    assert dict(page.tags[0][1]) == {"lang": "en"}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("href", "src"):
            assert not (attributes.get(name) or "").startswith(("http", "//", "javascript"))


async def test_links_of_the_pages_lead_somewhere(horde: Any) -> None:
    """Every address and every anchor on the pages is there."""
    for path in ("/", "/api/"):
        page = outline((await horde.get(path)).raw.decode())
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        for link in {attributes["href"] for _, attributes in page.tags if attributes.get("href")}:
            if link and link.startswith("#"):
                assert link[1:] in ids
            elif link and not link.startswith("data:"):
                assert (await horde.get(link)).status == 200


async def test_names_are_escaped(start: Any) -> None:
    """What people call things is shown as text, never as a part of the page."""
    bad = "<script>alert(1)</script>"
    async with start(name=f"A {bad}") as horde:
        await horde.pop(models=[f"{bad} model", "little"])
        await horde.ask(models=[f'"><img src=x onerror=alert(1)>{bad}'])
        for path in ("/", "/api/"):
            text = (await horde.get(path)).raw.decode()
            assert bad not in text
            assert "<img" not in text
        assert "&lt;script&gt;" in (await horde.get("/")).raw.decode()


async def test_the_reference_shows_every_endpoint(horde: Any) -> None:
    """Each path and each object of the contract can be read without any program."""
    text = (await horde.get("/api/")).raw.decode()
    for endpoint in ENDPOINTS:
        assert endpoint.path in text
    assert "GenerationParams" in text
    assert (await horde.get("/api")).status == 200
