"""`Post` → what Reddit shows: Markdown of comments, titles and bodies of picture posts, the mark that finds them again.

What people wrote is shown as they wrote it: nothing in it becomes a heading, a link or a call to somebody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from core.chat.fit import cut
from core.chat.port import Limits
from core.chat.types import Picture, Post

LIMITS = Limits(
    max_text=4000,
    max_pictures=20,
    max_alt=180,
    max_bytes=20_000_000,
    mimes=("image/png", "image/jpeg"),
    can_edit=False,
    can_show_elsewhere=True,
    edit_interval=60.0,
)
"""A comment takes 10,000 characters, which 4,000 may become with every sign written so that it stays a sign. `can_edit`
is false so that no comment is made just to tell of progress: what a guest says once, it says when it is done."""
MOST_TITLE = 300
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#>~^|<&])")
_LINE_START = re.compile(r"^([ \t]*)([-+=]|\d+\.)", re.MULTILINE)
_CALLING = re.compile(r"(?<![\w])(/?[ur]/)(?=[\w-])", re.IGNORECASE)
_MARK = re.compile(r"#m-([0-9a-f]{12})\b")


def mark(key: str) -> str:
    """The mark of a message's key: in the address of a link that the message has anyway."""
    return sha256(key.encode()).hexdigest()[:12]


def marked(text: str) -> str | None:
    """The mark that a message of ours carries."""
    found = _MARK.search(text)
    return found[1] if found else None


def markdown(text: str) -> str:
    """Plain text as Markdown that shows exactly it, line by line."""
    escaped = _MARKDOWN.sub(r"\\\1", text)
    quiet = _CALLING.sub("\\1\u200b", _LINE_START.sub(r"\1\\\2", escaped))
    return "\n".join(f"{line.rstrip()}  " if line.strip() else "" for line in quiet.split("\n")).rstrip()


@dataclass(frozen=True)
class Voice:
    """How the bot ends what it says.

    Args:
        about: address of the page that says what it is.
        brief: only what must be said.
    """

    about: str
    brief: bool = False

    def comment(self, text: str, key: str, *, link: str | None = None, to: str | None = None) -> str:
        """A comment.

        Args:
            text: what the conversation says.
            key: names the message.
            link: address of its picture post.
            to: whom to call, where they are not told anyway.
        """
        parts = [f"u/{to}, this is for you:"] if to else []
        parts += [f"[**Here is the picture.**]({link})"] if link else []
        parts += [] if self.brief and link else [markdown(text)]
        return "\n\n".join([*filter(None, parts), self._foot(key)])

    def body(self, post: Post, key: str) -> str:
        """The text under a picture post: how it was made, and its description for those who don't see it."""
        seen = [f"Description: {markdown(each.alt)}" for each in post.pictures if each.alt]
        return "\n\n".join([*filter(None, [markdown(post.text)]), *dict.fromkeys(seen[:1]), self._foot(key)])

    def _foot(self, key: str) -> str:
        about = f"[^(what is this?)]({self.about}#m-{mark(key)})"
        if self.brief:
            return f"^(I am a bot ·) {about}"
        return f"^(I am a bot and draw when asked ·) {about} ^(· whoever asked, or moderates here, may reply !delete)"


@dataclass(frozen=True)
class Rules:
    """What a subreddit demands of a post."""

    shortest: int = 0
    longest: int = MOST_TITLE
    needed: Sequence[str] = ()
    """One of these must be in the title."""
    barred: Sequence[str] = ()
    patterns: Sequence[str] = ()
    """One of these must match the title."""
    flair: bool = False
    """A flair is demanded."""
    body: bool = True
    """A text under the picture is allowed."""

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Rules:
        """As `post_requirements` tells them."""
        return cls(
            shortest=int(found.get("title_text_min_length") or 0),
            longest=min(MOST_TITLE, int(found.get("title_text_max_length") or MOST_TITLE)),
            needed=tuple(found.get("title_required_strings") or ()),
            barred=tuple(found.get("title_blacklisted_strings") or ()),
            patterns=tuple(found.get("title_regexes") or ()),
            flair=bool(found.get("is_flair_required")),
            body=found.get("body_restriction_policy") != "notAllowed",
        )

    def title(self, text: str, key: str) -> str | None:
        """A title for a picture of these words; None = none of ours would be taken."""
        words = " ".join(text.partition("\n")[0].split())
        tail = "" if self.body else f" #m-{mark(key)}"
        head = f"{self.needed[0]} " if self.needed else ""
        room = self.longest - len(head) - len(tail)
        for said in (words, "A picture that somebody asked for", "Picture"):
            title = head + (cut(said, room) if room > 0 else "") + tail
            title = title if len(title) >= self.shortest else title.ljust(self.shortest, ".")
            if said and self._takes(title):
                return title
        return None

    def _takes(self, title: str) -> bool:
        low = title.lower()
        if len(title) > self.longest or any(each.lower() in low for each in self.barred):
            return False
        return not self.patterns or any(_matches(each, title) for each in self.patterns)


def _matches(pattern: str, title: str) -> bool:
    try:
        return re.search(pattern, title) is not None
    except re.error:  # written for another engine: Reddit itself will say
        return True


def file_name(picture: Picture, number: int) -> str:
    """A name with the ending that tells Reddit what kind of picture it is."""
    ending = {"image/png": "png", "image/jpeg": "jpg"}.get(picture.mime, "png")
    return f"{picture.name.rpartition('.')[0] or f'picture-{number}'}.{ending}"
