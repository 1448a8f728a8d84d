"""Templates to answers: everything escaped, under a policy that lets no script run and nothing come from afar."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from jinja2 import Environment

_CODE = re.compile(r"`([^`]+)`")
_FOLDER = Path(__file__).parent / "templates"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


def _marked(text: str) -> str:
    """Escaped text in which `words between backticks` are code."""
    from markupsafe import Markup, escape

    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped before it is marked


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = _marked
    return environment


def page(template: str, **values: object) -> web.Response:
    """A page of HTML; template: a file in `templates`, values: what it shows."""
    text = _environment().get_template(template).render(**values)
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)


def style() -> web.FileResponse:
    """The one style sheet of all pages."""
    headers = {"Content-Type": "text/css; charset=utf-8", "Cache-Control": "public, max-age=3600"}
    return web.FileResponse(_FOLDER / "style.css", headers=headers)
