"""The sections of the settings that are platforms: one class each, its keys the keyword arguments of its adapter.

`core.settings` puts them into the tree; `run_bot.py` hands them to `adapters.opened`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from core.sections import Port, Section


class Platform(Section):
    """A place where people talk to the bots; the keys of its table are its adapter's keyword arguments."""

    enabled: bool = Field(default=False, description="Run this platform in `up` and `bots`.")

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of its adapter."""
        return {key: getattr(self, key) for key in type(self).model_fields if key != "enabled"}


class Console(Platform):
    """The chat in the terminal."""

    person: str = Field(default="you", min_length=1, max_length=50, description="Your name in the chat.")
    pictures_dir: Path = Field(default=Path("out"), description="Folder where finished pictures are saved.")


class Web(Platform):
    """The chat page in the browser."""

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 opens the page to the network, with a secret."
    )
    port: Port = Field(default=7002, description="Port to listen on; 0 takes any free one.")
    secret: SecretStr = Field(
        default=SecretStr(""), description="A word that people must know to come in; needed beyond this machine."
    )
    rooms: list[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]] = Field(
        default=["lobby", "studio"], min_length=1, max_length=50, description="Rooms; people arrive in the first one."
    )
    max_upload_bytes: int = Field(
        default=20_000_000, ge=1000, description="Largest picture that somebody may upload, bytes."
    )


class Matrix(Platform):
    """Rooms on Matrix, encrypted or not; `run_bot.py matrix login` makes the bot's device (docs/matrix.md)."""

    homeserver: str = Field(default="", description="Address of the homeserver, as https://matrix.example.org.")
    user: str = Field(
        default="", pattern=r"^(@[^:\s]+:\S+)?$", description="The bot's account, as @largesse:example.org."
    )
    password: SecretStr = Field(
        default=SecretStr(""), description="Its password, where `matrix login` shall not ask for it; needed once."
    )
    recovery_key: SecretStr = Field(
        default=SecretStr(""), description="Opens the account's secret storage, where its identity was made elsewhere."
    )
    prefix: str = Field(default="!", max_length=20, description="What stands before a command in a room: !imagine.")
    owners: list[str] = Field(default=[], description="People who may verify the bot's device, as @ann:example.org.")
    allow: list[str] = Field(
        default=[],
        description="Who may invite the bot: @ann:example.org, a server, the members of a space by its id, or *; "
        "empty = everybody of its own server.",
    )
    policies: list[str] = Field(default=[], description="Ids of rooms whose ban lists are obeyed.")
    answer_within: int = Field(
        default=3600, ge=60, description="Seconds; what is older when the bot first sees it is not answered."
    )
    device_name: str = Field(default="Largesse", max_length=100, description="Name of the bot's device in its account.")


class Discord(Platform):
    """Discord; docs/discord.md leads from nothing to a working bot."""

    token: SecretStr = Field(default=SecretStr(""), description="The bot's token, from Discord's developer pages.")
    shards: int = Field(
        default=1, ge=0, le=10_000, description="Connections to Discord; 1 = one, 0 = as many as Discord wants."
    )


class Reddit(Platform):
    """Reddit; docs/reddit.md says how its keys are obtained and what may be refused."""

    client_id: str = Field(default="", description="Id of the app that Reddit approved.")
    client_secret: SecretStr = Field(default=SecretStr(""), description="Secret of that app.")
    username: str = Field(
        default="", pattern=r"^[\w-]{0,20}$", description="The bot's name on Reddit, without u/ in front."
    )
    password: SecretStr = Field(default=SecretStr(""), description="The bot's password; not needed with a token.")
    refresh_token: SecretStr = Field(default=SecretStr(""), description="Refresh token, used instead of the password.")
    operator: str = Field(
        default="", pattern=r"^[\w-]{0,20}$", description="Name of the Redditor who answers for the bot."
    )
    subreddit: str = Field(
        default="",
        pattern=r"^\w{0,21}$",
        description="The bot's own subreddit, for picture posts; empty = its profile.",
    )
    flair: str = Field(default="", max_length=64, description="Text or id of the flair of picture posts; empty = none.")
    listen_in: list[Annotated[str, Field(pattern=r"^\w{2,21}$")]] = Field(
        default=[], max_length=100, description="Subreddits that opted in: their comments are read for !imagine."
    )
    about_url: str = Field(default="", description="Page that says what the bot is; empty = its profile.")
    replies_per_hour: int = Field(
        default=20,
        ge=1,
        description="Comments in one subreddit in an hour; an account younger than a month makes fewer.",
    )
    remove_below: int = Field(default=-3, le=0, description="Comments with a lower score are removed by the bot.")
    calls_per_minute: int = Field(
        default=80, ge=1, le=1000, description="Calls of Reddit's API in any minute; Reddit allows 100 for an app."
    )


class Mastodon(Platform):
    """The fediverse: one account on a server that speaks Mastodon's API (docs/mastodon.md)."""

    instance: str = Field(default="", description="Address of the account's server, as in https://example.social.")
    access_token: SecretStr = Field(
        default=SecretStr(""), description="Access token of the account, with the rights read and write."
    )
    visibility: Literal["public", "unlisted", "private", "direct"] = Field(
        default="unlisted", description="Widest visibility of an answer; never wider than what it answers."
    )
    public_posts_per_hour: int = Field(
        default=1, ge=0, le=60, description="Public answers in an hour; those beyond are unlisted."
    )
    quotes: Literal["public", "followers", "nobody"] = Field(
        default="nobody", description="Who may quote the bot's posts, where the server knows quotes."
    )
    language: str = Field(default="en", max_length=10, description="Language of what the bot says, as a code.")
    content_warning: str = Field(
        default="",
        max_length=100,
        description="Put before every picture, where the server's rules ask for it; empty = none.",
    )
    operator: str = Field(
        default="", max_length=255, description="How people reach you; shown in the bot's profile, empty = not."
    )
    source: str = Field(
        default="", max_length=255, description="Address of the bot's source code; shown in its profile, empty = not."
    )
    privacy: str = Field(
        default="", max_length=255, description="Address of what you keep of people; shown in its profile, empty = not."
    )
