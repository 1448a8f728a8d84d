"""The small Reddit of these tests speaks as the recorded one did: the same fields, of the same types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.reddit import bodies

RECORDED = Path(__file__).parents[4] / "shared" / "data" / "reddit"
NUMBERS = (int, float)


def _answer(name: str, number: int) -> Any:
    file = RECORDED / name
    if not file.is_file():
        pytest.skip("the recorded answers of Reddit are not here")
    body = json.loads(file.read_text())["interactions"][number]["response"]["body"]
    return json.loads(body["string"] if isinstance(body, dict) else body)


def _differs(ours: dict[str, Any], recorded: dict[str, Any]) -> dict[str, str]:
    """Fields that are missing, or of another type where both say something."""
    found = {name: "missing" for name in recorded if name not in ours}
    for name, value in recorded.items():
        mine = ours.get(name)
        both = value is not None and mine is not None and name in ours
        alike = isinstance(mine, type(value)) or (isinstance(mine, NUMBERS) and isinstance(value, NUMBERS))
        if both and not alike and value != "" and mine != "":
            found[name] = f"{type(mine).__name__}, recorded {type(value).__name__}"
    return found


def test_a_comment() -> None:
    """What `api/comment` gives back."""
    ours = bodies.comment("abc", "ann", "pics", "hello", "t1_x", "t3_y", 1.0)
    assert _differs(ours, _answer("TestComment.test_reply.json", 1)["json"]["data"]["things"][0]["data"]) == {}


def test_a_mention_in_the_inbox() -> None:
    """What `message/unread` shows of a comment."""
    said = bodies.comment("abc", "ann", "pics", "u/thebot hello", "t1_x", "t3_y", 1.0)
    recorded = _answer("TestInbox.test_mentions.json", 1)["data"]["children"][0]["data"]
    ours = bodies.in_inbox(said, "username_mention", "title")
    assert _differs(ours, recorded) == {}
    assert set(ours) <= set(recorded)


def test_a_private_message() -> None:
    """What `message/unread` shows of a message."""
    ours = bodies.message("abc", "ann", "hello", 1.0, subject="hi")
    assert _differs(ours, _answer("TestInbox.test_unread.json", 1)["data"]["children"][0]["data"]) == {}


def test_a_picture_post_and_a_gallery() -> None:
    """What a thread begins with."""
    one = bodies.post("abc", "ann", "pics", "title", 1.0, **bodies.pictured("https://i.redd.it/x.png"))
    recorded = _answer("TestSubreddit.test_submit_image.json", 5)[0]["data"]["children"][0]["data"]
    assert _differs(one, recorded) == {}
    several = bodies.post("abc", "ann", "pics", "title", 1.0, **bodies.gallery({"x": "https://i.redd.it/x.png"}, ["a"]))
    recorded = _answer("TestSubreddit.test_submit_gallery.json", 10)[0]["data"]["children"][0]["data"]
    assert _differs(several, recorded) == {}


def test_a_lease() -> None:
    """The permission to upload, and where its socket is."""
    recorded = _answer("TestSubreddit.test_submit_image.json", 1)
    ours = bodies.lease("abc", "x.png", "image/png", "bucket", "wss://socket")
    assert _differs(ours, recorded) == {}
    assert _differs(ours["asset"], recorded["asset"]) == {}
    assert {"key", "acl"} <= {each["name"] for each in recorded["args"]["fields"]}


def test_a_refusal() -> None:
    """Errors in an answer."""
    recorded = _answer("TestSubreddit.test_submit_image_verify_invalid.json", 3)
    ours = bodies.refused(tuple(recorded["json"]["errors"][0]))
    assert ours == recorded
