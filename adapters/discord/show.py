"""Posts → what Discord shows: text, attachments with descriptions, an embed while it is drawn, rows of buttons, forms.

A progress message is an embed that carries `MARK`; an answer never is, so that the two can be told apart afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import discord

from adapters.discord.words import custom_id
from core.chat.forms import Field, Form
from core.chat.types import Button, ButtonStyle, Picture, Post

NOBODY = discord.AllowedMentions.none()
MARK = "Largesse is at it"
"""Footer of progress."""
BAR = 20
"""Characters of a progress bar."""
_STYLES = {
    ButtonStyle.PLAIN: discord.ButtonStyle.secondary,
    ButtonStyle.PRIMARY: discord.ButtonStyle.primary,
    ButtonStyle.DANGER: discord.ButtonStyle.danger,
}
_SUFFIXES = {"image/webp": ".webp", "image/png": ".png", "image/jpeg": ".jpg"}
_LINK = re.compile(r"\](?=\()")


@dataclass(frozen=True)
class Shown:
    """The parts of a message. Files are read once: make a new one for each try."""

    text: str
    files: list[discord.File]
    embeds: list[discord.Embed]
    view: discord.ui.View | None


def nonce(key: str) -> str:
    """The dedupe key as Discord takes it, at most 25 characters: the same message has the same one."""
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())[:22].decode()


def message(post: Post) -> Shown:
    """A post as a message."""
    if post.progress:
        return Shown("", [], [_progress(post)], view(post.buttons))
    hidden = post.content_warning is not None
    files = [_file(replace(each, spoiler=each.spoiler or hidden), at) for at, each in enumerate(post.pictures, 1)]
    links = [each.url for each in post.pictures if each.data is None and each.url]
    warning = f"⚠️ {post.content_warning}" if post.content_warning else ""
    # A masked link in quoted words would show another address than it leads to.
    text = _LINK.sub("]\u200b", "\n".join(filter(None, (warning, post.text, *links))))
    return Shown(text or ("" if files else "…"), [each for each in files if each], [], view(post.buttons))


def _file(picture: Picture, at: int) -> discord.File | None:
    if picture.data is None:
        return None
    name = picture.name or f"picture-{at}{_SUFFIXES.get(picture.mime, '.webp')}"
    return discord.File(
        io.BytesIO(picture.data), filename=name, description=picture.alt or None, spoiler=picture.spoiler
    )


def _progress(post: Post) -> discord.Embed:
    moved = post.progress
    lines = [post.text]
    if moved and moved.fraction is not None:
        done = round(BAR * min(max(moved.fraction, 0.0), 1.0))
        lines.append(f"`{'█' * done}{'░' * (BAR - done)}` {moved.fraction:.0%}")
    return discord.Embed(description="\n".join(lines)[:4096]).set_footer(text=MARK)


def is_progress(message: discord.Message) -> bool:
    """Whether a message of ours still shows progress."""
    return any(each.footer.text == MARK for each in message.embeds)


def view(buttons: Sequence[Button]) -> discord.ui.View | None:
    """Rows of five buttons, at most 25. Stopped at once: what they do stands in their ids, not in this process."""
    if not buttons:
        return None
    made = discord.ui.View(timeout=None)
    for each in buttons[:25]:
        made.add_item(
            discord.ui.Button[Any](
                style=_STYLES[each.style],
                label=each.label[:80],
                emoji=each.emoji,
                custom_id=custom_id(each.action, each.arg),
            )
        )
    made.stop()
    return made


def modal(form: Form, name: str) -> discord.ui.Modal:
    """A form as a modal; stopped at once, like the buttons."""
    made = discord.ui.Modal(title=form.title[:45], custom_id=name, timeout=None)
    for each in form.fields[:5]:
        made.add_item(discord.ui.Label[Any](text=each.label[:45], component=_input(each)))
    made.stop()
    return made


def _input(field: Field) -> discord.ui.Item[Any]:
    if field.choices:
        options = [
            discord.SelectOption(label=each[:100], value=each[:100], default=each == field.value)
            for each in field.choices[:25]
        ]
        return discord.ui.Select[Any](
            custom_id=field.name, options=options, required=field.required, min_values=int(field.required)
        )
    style = discord.TextStyle.paragraph if field.long else discord.TextStyle.short
    return discord.ui.TextInput[Any](
        custom_id=field.name,
        style=style,
        default=field.value[:4000] or None,
        required=field.required,
        max_length=4000 if field.long else 1000,
    )


def emoji(name: str) -> discord.PartialEmoji:
    """An emoji as the chat names it: unicode, or `<:name:id>` of a server's or the bot's own."""
    return discord.PartialEmoji.from_str(name)
