"""A small page on which one plays everybody else on the server: write, answer, favourite, edit, delete.

Plain HTML with forms, usable without scripts and with a screen reader; a few lines of script keep the posts fresh.
"""

from __future__ import annotations

import html

from aiohttp import web

from tests.doubles.mastodon import bodies
from tests.doubles.mastodon.bodies import Status
from tests.doubles.mastodon.server import Server

FEELINGS = {"favourite": "⭐ Favourite", "reblog": "🚀 Boost"}
VISIBILITIES = ("public", "unlisted", "private", "direct")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A small fediverse</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root {{ color-scheme: light dark }} body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: auto;
padding: 1rem }} label {{ display: block; margin-top: .5rem }}
textarea, input, select {{ font: inherit; max-width: 100% }}
textarea {{ width: 100%; box-sizing: border-box }} button {{ font: inherit; padding: .25rem .75rem; margin: .25rem 0 }}
article {{ border: 1px solid GrayText; border-radius: .5rem; padding: .5rem 1rem; margin: 1rem 0 }}
article form {{ display: inline }} img {{ max-width: 16rem; height: auto; display: block }}
h3 {{ margin: 0; font-size: 1rem }}
:focus-visible {{ outline: 3px solid Highlight }}</style></head><body>
<main><h1>A small fediverse</h1>
<p>You are whoever you say; the bot is <strong>@largesse</strong>. Write “@largesse draw a red apple”.</p>
<form method="post" action="/play/say" enctype="multipart/form-data"><h2>Write</h2>
<label for="name">Your name</label><input id="name" name="name" value="{name}" required pattern="\\w+" maxlength="30">
<label for="text">Post</label><textarea id="text" name="text" rows="3" required>{draft}</textarea>
<label for="warning">Content warning (may be empty)</label><input id="warning" name="warning">
<label for="visibility">Who sees it</label><select id="visibility" name="visibility">{visibilities}</select>
<label for="picture">Picture (may be empty)</label><input id="picture" name="picture" type="file" accept="image/*">
<input type="hidden" name="to" value="{to}"><p>{answering}</p><button>Post</button></form>
<h2 id="posts">Posts, newest first</h2><p><a href="/?name={name}">Show the newest</a></p>
<div id="feed" role="feed" aria-labelledby="posts">{feed}</div></main>
<script>
const feed = document.getElementById("feed");
setInterval(async () => {{
  if (feed.contains(document.activeElement)) return;
  const fresh = await (await fetch("/play/feed" + location.search)).text();
  if (fresh !== feed.dataset.shown) {{ feed.innerHTML = fresh; feed.dataset.shown = fresh; }}
}}, 1500);
</script></body></html>"""


class Page:
    """The page of a server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def routes(self, router: web.UrlDispatcher) -> None:
        """Beside the server's own."""
        router.add_get("/", self._page)
        router.add_get("/play/feed", self._feed)
        router.add_post("/play/say", self._say)
        router.add_post("/play/feel", self._feel)
        router.add_post("/play/delete", self._delete)
        router.add_post("/play/edit", self._edit)

    async def _page(self, request: web.Request) -> web.Response:
        name = html.escape(request.query.get("name", "ann"), quote=True)
        answered = self._server.statuses.get(request.query.get("to", ""))
        choices = "".join(f"<option>{each}</option>" for each in VISIBILITIES)
        if answered is not None and answered.visibility in VISIBILITIES:
            choices = choices.replace(f"<option>{answered.visibility}", f"<option selected>{answered.visibility}")
        text = PAGE.format(
            name=name,
            draft=f"@{answered.account.name} " if answered else "@largesse ",
            visibilities=choices,
            to=answered.id if answered else "",
            answering=f"You answer @{html.escape(answered.account.name)}." if answered else "",
            feed=self._articles(name),
        )
        return web.Response(text=text, content_type="text/html")

    async def _feed(self, request: web.Request) -> web.Response:
        name = html.escape(request.query.get("name", "ann"), quote=True)
        return web.Response(text=self._articles(name), content_type="text/html")

    async def _say(self, request: web.Request) -> web.Response:
        form = await request.post()
        name, picture = str(form["name"]) or "ann", form.get("picture")
        pictures = ((picture.file.read(), ""),) if isinstance(picture, web.FileField) and picture.filename else ()
        if name != self._server.bot.name:
            self._server.say(
                name, str(form["text"]), to=self._server.statuses.get(str(form.get("to", ""))), pictures=pictures,
                visibility=str(form["visibility"]), spoiler=str(form.get("warning", "")),
            )  # fmt: skip
        raise web.HTTPSeeOther(f"/?name={name}")

    async def _feel(self, request: web.Request) -> web.Response:
        form, status = await self._chosen(request)
        if status.account is self._server.bot:
            self._server.tell(str(form["kind"]), self._server.person(str(form["name"])), status)
        raise web.HTTPSeeOther(f"/?name={form['name']}")

    async def _delete(self, request: web.Request) -> web.Response:
        form, status = await self._chosen(request)
        self._server.remove(status)
        raise web.HTTPSeeOther(f"/?name={form['name']}")

    async def _edit(self, request: web.Request) -> web.Response:
        form, status = await self._chosen(request)
        self._server.edit(status, str(form["text"]))
        raise web.HTTPSeeOther(f"/?name={form['name']}")

    async def _chosen(self, request: web.Request) -> tuple[dict[str, object], Status]:
        form = dict(await request.post())
        status = self._server.statuses.get(str(form.get("status")))
        if status is None:
            raise web.HTTPNotFound(text="That post is gone.")
        return form, status

    def _articles(self, name: str) -> str:
        everything = list(self._server.statuses.values())[::-1]
        return "".join(self._article(each, name) for each in everything) or "<p>Nothing yet.</p>"

    def _article(self, status: Status, name: str) -> str:
        base = self._server.base
        media = "".join(
            f'<img src="{each["url"]}" alt="{html.escape(each["description"] or "", quote=True)}">'
            f"<p><small>Described as: {html.escape(each['description'] or 'nothing')}</small></p>"
            for each in status.media
        )
        who, mine = html.escape(status.account.name), status.account is not self._server.bot
        edited = " · edited" if status.edited_at else ""
        warning = f"<p><strong>Warning: {html.escape(status.spoiler)}</strong></p>" if status.spoiler else ""
        tools = [f'<a href="/?name={name}&amp;to={status.id}#text">Answer @{who}</a>']
        if mine:
            tools.append(self._tool("delete", status, name, f"Delete @{who}'s post"))
            old = html.escape(status.text, quote=True)
            field = f'<input name="text" aria-label="New text" value="{old}">'
            tools.append(self._tool("edit", status, name, "Save", field))
        else:
            tools += [
                self._tool("feel", status, name, words, f'<input type="hidden" name="kind" value="{kind}">')
                for kind, words in FEELINGS.items()
            ]
        content = bodies.to_html(status.text, base, status.mentions)
        return (
            f'<article aria-label="Post of {who}"><h3>@{who} <small>{status.visibility}{edited}</small></h3>'
            f"{warning}{content}{media}<p>{' '.join(tools)}</p></article>"
        )

    def _tool(self, verb: str, status: Status, name: str, words: str, more: str = "") -> str:
        hidden = (
            f'<input type="hidden" name="status" value="{status.id}"><input type="hidden" name="name" value="{name}">'
        )
        return f'<form method="post" action="/play/{verb}">{hidden}{more}<button>{words}</button></form>'
