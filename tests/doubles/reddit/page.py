"""A page on which one plays everybody else on the small Reddit: read what stands there, and answer it.

Plain HTML with forms, usable without scripts and with a screen reader; `python -m tests.doubles.reddit` serves it.
"""

from __future__ import annotations

import html
from typing import Any

from aiohttp import web

from tests.doubles.reddit.bodies import BOT
from tests.doubles.reddit.server import FakeReddit

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A small Reddit</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root {{ color-scheme: light dark }} body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: auto;
padding: 1rem }} article, li {{ border-left: 3px solid GrayText; padding-left: .75rem; margin: .75rem 0;
list-style: none }}
textarea, input, button {{ font: inherit }} textarea {{ width: 100%; box-sizing: border-box }}
img {{ max-width: 16rem; height: auto; display: block }} pre {{ white-space: pre-wrap; font: inherit; margin: 0 }}
ul {{ padding-left: 0 }} :focus-visible {{ outline: 3px solid Highlight }}</style></head><body><main>
<h1>A small Reddit</h1><p>You are <strong>u/{name}</strong>; the bot is <strong>u/{bot}</strong>. Write
“u/{bot} draw a red apple” under a post, reply “!again” or “!delete” to its answer. <a href="/?as={name}">Show what is
new</a> · be <a href="/?as=ann">ann</a>, <a href="/?as=bob">bob</a> or <a href="/?as=warden">the moderator</a></p>
{posts}</main></body></html>"""


class Page:
    """Everything that stands there, with a form under each thing."""

    def __init__(self, there: FakeReddit) -> None:
        self._there = there

    def app(self) -> web.Application:
        """The page's own server."""
        app = web.Application()
        app.add_routes(
            [web.get("/", self._show), web.post("/say", self._say), web.get("/picture/{name}", self._picture)]
        )
        return app

    async def _show(self, request: web.Request) -> web.Response:
        name = html.escape(request.query.get("as", "ann"))
        posts = [each for each in self._there.things.values() if each["name"].startswith("t3_")]
        standing = [each for each in reversed(posts) if each["name"] not in self._there.deleted]
        shown = "".join(self._post(each, name) for each in standing)
        return web.Response(text=PAGE.format(name=name, bot=BOT, posts=shown), content_type="text/html")

    async def _say(self, request: web.Request) -> web.Response:
        form = await request.post()
        if str(form["to"]) in self._there.things and str(form["text"]).strip():
            self._there.comment(str(form["as"]), str(form["to"]), str(form["text"]))
        raise web.HTTPSeeOther(f"/?as={form['as']}")

    async def _picture(self, request: web.Request) -> web.Response:
        data = self._there.uploads.get(request.match_info["name"])
        return web.Response(body=data, content_type="image/png") if data else web.Response(status=404)

    def _post(self, post: dict[str, Any], name: str) -> str:
        title = html.escape(post["title"])
        marks = "".join(f" · {mark}" for mark, on in (("NSFW", post["over_18"]), ("spoiler", post["spoiler"])) if on)
        addresses = [post["url"], *(each["s"]["u"] for each in post.get("media_metadata", {}).values())]
        names = [each.rpartition("/")[2].partition(".")[0] for each in addresses if "redd.it" in each]
        pictures = "".join(f'<img src="/picture/{each}" alt="{title}">' for each in names)
        head = (
            f'<h2 id="{post["id"]}">{title}</h2><p>r/{post["subreddit"]} · u/{html.escape(post["author"])}{marks}</p>'
        )
        text = f"<pre>{html.escape(post['selftext'])}</pre>"
        return f"<article>{head}{pictures}{text}{self._form(post, name)}{self._below(post['name'], name)}</article>"

    def _below(self, fullname: str, name: str) -> str:
        found = "".join(
            f"<li><p>u/{html.escape(each['author'])}</p><pre>{html.escape(each['body'])}</pre>{self._form(each, name)}"
            f"{self._below(each['name'], name)}</li>"
            for each in self._there.below(fullname)
        )
        return f"<ul>{found}</ul>" if found else ""

    def _form(self, thing: dict[str, Any], name: str) -> str:
        label = f"Answer u/{html.escape(thing['author'])}"
        hidden = (
            f'<input type="hidden" name="to" value="{thing["name"]}"><input type="hidden" name="as" value="{name}">'
        )
        box = f'<textarea name="text" rows="1" aria-label="{label}" required></textarea>'
        return f'<form method="post" action="/say">{hidden}{box}<button>{label}</button></form>'
