"""The adapter, led to the double: with short waits, so that a test waits for what happens and for nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from adapters.reddit.gallery import Waits
from adapters.reddit.platform import Pace, Reddit
from tests.doubles.reddit.bodies import BOT
from tests.doubles.reddit.server import FakeReddit

QUICK = Pace(
    inbox=0.02,
    comments=0.02,
    second_look=0.02,
    shadow=0.02,
    trouble=(0.02, 0.05),
    waits=Waits(told=0.5, looked_for=(0.02, 0.05)),
)
SETTINGS: dict[str, Any] = {
    "client_id": "app",
    "client_secret": SecretStr("hush"),
    "username": BOT,
    "password": SecretStr("hush"),
    "refresh_token": SecretStr(""),
    "operator": "warden",
    "subreddit": "botart",
    "flair": "",
    "listen_in": [],
    "about_url": "",
    "replies_per_hour": 100,
    "remove_below": -3,
    "calls_per_minute": 100_000,
}


def reddit_port(there: FakeReddit, folder: Path, *, pace: Pace = QUICK, **settings: Any) -> Reddit:
    """The adapter with these settings, its memory in this folder."""
    return Reddit(**{**SETTINGS, **settings}, data_dir=folder, connector=there.connector, pace=pace)
