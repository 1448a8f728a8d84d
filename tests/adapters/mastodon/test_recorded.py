"""Our double and our reading, held against answers of a real Mastodon, where those are at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.mastodon import read, words
from adapters.mastodon.server import _read
from adapters.mastodon.stream import _framed
from tests.adapters.mastodon.house import REPERTOIRE
from tests.doubles.mastodon import bodies
from tests.doubles.mastodon.bodies import Account, Status
from tests.doubles.mastodon.server import LIMITS

ROOT = Path(__file__).resolve().parents[4] / "shared" / "data" / "mastodon"
pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason="there are no recorded answers (../shared/data/mastodon)")
BASE = "http://localhost:3000"


def recorded(name: str) -> Any:
    return json.loads((ROOT / "json" / name).read_text(encoding="utf-8"))


def same_form(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where ours has another kind of value than theirs, or lacks something."""
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [path]
        lacking = [f"{path}.{name}" for name in theirs if name not in ours]
        return lacking + [
            each for name in theirs if name in ours for each in same_form(ours[name], theirs[name], f"{path}.{name}")
        ]
    if isinstance(theirs, list):
        return same_form(ours[0], theirs[0], f"{path}[]") if ours and theirs else []
    alike = ours is None or theirs is None or type(ours) is type(theirs) or {int, float} >= {type(ours), type(theirs)}
    return [] if alike else [path]


def test_the_double_answers_in_the_form_of_a_real_server() -> None:
    """Statuses, notifications and accounts have the fields of the recorded ones, of the same kinds."""
    ann, bot = Account("1", "ann"), Account("2", "largesse")
    status = Status("3", ann, "@largesse hello", mentions=[bot])
    theirs = recorded("test_notifications.0.POST.api_v1_statuses.200.json")
    lacking = same_form(bodies.status(status, BASE), theirs)
    assert set(lacking) <= {".pinned", ".application"}  # only its own author is told
    (notified,) = recorded("test_notifications.1.GET.api_v1_notifications.200.json")
    ours = bodies.notification("20", "mention", ann, status, BASE)
    assert set(same_form(ours, notified)) <= {".status.application"}
    own = recorded("test_verify_credentials.0.GET.api_v1_accounts_verify_credentials.200.json")
    assert same_form(bodies.own_account(bot, BASE), own) == []


def test_a_recorded_mention_is_understood() -> None:
    """The sentence, the person and the visibility of a real notification."""
    (notified,) = recorded("test_notifications.1.GET.api_v1_notifications.200.json")
    status = notified["status"]
    assert words.said(status["content"], "mastodonpy_test", REPERTOIRE) == words.Said("hello!", named=True)
    event = read.call(status, "hello!", key=read.key(status), home="b@x", pictures=())
    assert (event.person.name, event.place.private) == ("admin", False)
    assert event.key == "mastodon:117440821662233205"


def test_a_recorded_server_says_what_it_takes() -> None:
    """Its limits and where it streams; the double says the same in the same places."""
    theirs = recorded("test_instance.0.GET.api_v2_instance.200.json")
    found = _read(theirs, BASE)
    assert (found.max_text, found.max_pictures, found.max_alt, found.max_bytes) == (500, 4, 10_000, 16_777_216)
    assert (found.host, found.streaming) == ("localhost:3000", "ws://localhost:4000")
    ours = bodies.instance(BASE, "4.7.3", "ws://localhost:4000", {**LIMITS, "alt": 10_000})
    assert _read(ours, BASE) == found


def test_recorded_uploads_say_when_they_are_ready() -> None:
    """An upload without an address is still being worked on."""
    index = json.loads((ROOT / "INDEX.json").read_text(encoding="utf-8"))
    uploads = [each for each in index if each["request"].startswith("POST /api/v2/media")]
    assert {each["status"] for each in uploads} == {200, 202}
    for each in uploads:
        body = json.loads((ROOT / each["file"]).read_text(encoding="utf-8"))
        assert (body["url"] is not None) == (each["status"] == 200)


def test_recorded_frames_are_events() -> None:
    """Every frame of the recorded WebSockets that a server sent is an event with its payload."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    kinds: set[str] = set()
    for path in (ROOT / "ws").glob("*.yaml"):
        for connection in yaml.safe_load(path.read_text(encoding="utf-8"))["connections"]:
            for each in connection["interactions"]:
                if "event" in (received := each.get("receive") or {}):
                    event, payload = _framed(json.dumps(received)) or ("", "")
                    assert payload
                    kinds.add(event)
    assert {"update", "delete"} <= kinds
