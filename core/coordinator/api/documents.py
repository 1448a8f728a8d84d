"""What the operator tells everybody: terms, privacy, sponsors; from files, as HTML or the Markdown that they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from core import log
from core.contract.status import HordeDocument
from core.coordinator.api.call import Call

_SECONDS = 300.0
_LARGEST = 200_000
_log = log.get(__name__)
DOCUMENTS = ("terms", "privacy", "sponsors")


def document(name: str) -> Callable[[Call], Awaitable[web.Response]]:
    """The handler of one of the documents."""

    async def handle(call: Call) -> web.Response:
        wanted = call.choice("format", "html", among=("html", "markdown"))
        file = call.rooms.terms.documents_dir / f"{name}.md"

        async def make() -> HordeDocument:
            return await asyncio.to_thread(_read, file, name, as_html=wanted == "html")

        return call.reply(await call.rooms.memo.get(("document", name, wanted), seconds=_SECONDS, make=make))

    handle.__doc__ = f"GET documents/{name}: what the operator wrote into {name}.md."
    handle.__name__ = name
    return handle


def _read(file: Path, name: str, *, as_html: bool) -> HordeDocument:
    """The document; where there is none, a sentence that says so."""
    try:
        text = file.read_text(encoding="utf-8")[:_LARGEST]
    except FileNotFoundError:
        text = f"This horde has published no {name}."
    except (OSError, UnicodeDecodeError) as error:
        _log.warning("document_unreadable", file=str(file), reason=str(error))
        text = f"The {name} of this horde cannot be read just now."
    return HordeDocument(html=_html(text)) if as_html else HordeDocument(markdown=text)


def _html(text: str) -> str:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).render(text)
