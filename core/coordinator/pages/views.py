"""The pages themselves: `/` says what this is and how it is doing, `/api/` shows the API endpoint by endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

from aiohttp import web

from core.contract import paths
from core.contract.status import ModelStatus, Performance
from core.coordinator.pages import reference
from core.coordinator.pages.render import page, style
from core.coordinator.rooms import ROOMS, VERSION, Rooms

Figures = Callable[[Rooms], Awaitable[tuple[Performance, list[ModelStatus]]]]
"""The figures that the front page shows."""

STYLE = "/style.css"
DOCUMENT = "/api/openapi.json"


def add_pages(app: web.Application, make_document: Callable[[], Mapping[str, Any]], figures: Figures) -> None:
    """Put the pages and the document they show into the router; it is made when somebody first asks for it."""
    document = cache(make_document)

    @cache
    def shown() -> dict[str, Any]:
        return {"operations": reference.operations(document()), "models": reference.models(document())}

    async def front(request: web.Request) -> web.Response:
        rooms = request.app[ROOMS]
        performance, models = await figures(rooms)
        return page("front.html", name=rooms.terms.name, version=VERSION, seen=performance, models=models)

    async def api(request: web.Request) -> web.Response:
        return page("api.html", name=request.app[ROOMS].terms.name, version=VERSION, **shown())

    async def machine(_request: web.Request) -> web.Response:
        return web.json_response(document())

    async def style_sheet(_request: web.Request) -> web.StreamResponse:
        return style()

    async def to_api(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPMovedPermanently("/api/")

    app.router.add_get("/", front)
    app.router.add_get("/api/", api)
    app.router.add_get("/api", to_api)
    app.router.add_get(STYLE, style_sheet)
    app.router.add_get(DOCUMENT, machine)
    app.router.add_get(paths.SWAGGER, machine)
