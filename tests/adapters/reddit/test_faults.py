"""What can go wrong between the bot and Reddit: every request is answered once, or not at all where it cannot be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from adapters import opened
from adapters.reddit.access import Budget, KeyRefused
from adapters.reddit.platform import Reddit
from adapters.reddit.read import is_ours
from core.chat.port import SendRefused
from core.chat.types import MessageRef, Person, Place, Post
from core.errors import ConfigError
from core.findings import Health
from core.settings import Settings
from tests.adapters.reddit.town import Town
from tests.bots.scripted import ScriptedHorde
from tests.doubles.reddit.rig import SETTINGS, reddit_port
from tests.doubles.reddit.server import FakeReddit, Fault

Ordered = Callable[[str, str], Fault | None]


def once(path: str, fault: Fault, times: int = 1) -> Ordered:
    """The next calls of a path go wrong."""
    left = [times]

    def order(_method: str, called: str) -> Fault | None:
        if path in called and left[0]:
            left[0] -= 1
            return fault
        return None

    return order


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.LATE_502, Fault.AWAY, Fault.TOO_MANY, Fault.PAGE, Fault.RATELIMIT])
@pytest.mark.parametrize("path", ["api/comment", "api/submit", "api/media/asset", "message/unread", "api/read_message"])
async def test_one_answer_and_one_post_whatever_fails_on_the_way(town: Town, path: str, fault: Fault) -> None:
    """Away, asking for a pause, or with the answer lost after the work was done: it is found again, not done again."""
    town.there.pause = "0 seconds"
    town.there.fault = once(path, fault)
    asked = town.there.comment("ann", town.thread, "u/thebot draw a heron")
    await town.answer(asked)
    await town.read()
    assert len(town.there.below(asked)) == 1
    assert len(town.there.posted()) == 1
    assert len(town.horde.requests) == 1


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.FAILED, Fault.GARBLED])
async def test_a_socket_that_does_not_tell_of_the_post(town: Town, fault: Fault) -> None:
    """The post was made all the same: it is looked up, linked, and not made again."""
    town.there.fault = lambda method, _path: fault if method == "SOCKET" else None
    answer = await town.summon("draw a heron")
    (post,) = town.there.posted()
    assert post["id"] in town.body(answer)


@pytest.mark.parametrize("path", ["api/comment", "api/submit"])
async def test_a_crash_between_the_work_and_its_note(town: Town, path: str) -> None:
    """Killed when Reddit has done it and nobody here knows: the next start finds it."""
    town.there.fault = once(path, Fault.LOST)
    asked = town.there.comment("ann", town.thread, "u/thebot draw a heron")
    await town.there.until(lambda: town.there.said() if "comment" in path else town.there.posted())
    await town.reopen()
    await town.answer(asked)
    await town.read()
    assert len(town.there.said()) == len(town.there.posted()) == 1


@pytest.mark.parametrize("closed", ["locked", "archived"])
async def test_a_closed_thread_is_left(town: Town, closed: str) -> None:
    """Nobody can answer in it, so nothing is drawn for it."""
    post = town.there.post("pics", "bob", "Closed", **{closed: True})
    town.there.comment("ann", post, "u/thebot draw a heron")
    await town.read()
    assert town.horde.requests == {}


@pytest.mark.parametrize("how", ["deleted", "locked", "archived"])
async def test_a_request_that_can_no_longer_be_answered(town: Town, how: str) -> None:
    """Deleted, locked or too old while it was drawn: given up, and the next one is answered."""
    town.horde.patient = True
    asked = town.there.comment("ann", town.thread, "u/thebot draw a heron")
    drawing = await town.horde.asked()
    if how == "deleted":
        town.there.deleted.add(asked)
    else:
        town.there.things[town.thread][how] = True
    drawing.finishes()
    await town.read()
    assert town.there.below(asked) == []
    elsewhere = town.there.post("pics", "bob", "Another")
    await town.answer(town.there.comment("ann", elsewhere, "u/thebot help"))


async def test_a_ban_is_remembered_for_ever(town: Town) -> None:
    """After one 403 nothing is drawn or said for that subreddit any more, also after a restart."""
    town.there.sub("pics").bans = True
    town.there.comment("ann", town.thread, "u/thebot help")
    with capture_logs() as logs:
        await town.read()
    assert "banned_from_subreddit" in [each["event"] for each in logs]
    town.there.sub("pics").bans = False
    await town.reopen()
    town.there.comment("ann", town.thread, "u/thebot draw a heron")
    await town.read()
    assert town.horde.requests == {}
    assert town.there.said() == []
    await town.answer(town.there.comment("ann", town.there.post("other", "bob", "Elsewhere"), "u/thebot help"))


async def test_reddit_tells_of_a_ban_in_a_message(town: Town) -> None:
    """It comes in the name of the subreddit, and is remembered without trying."""
    subject = "You've been permanently banned from participating in r/pics"
    town.there.message(None, "Note from the moderators: no bots.", subject=subject, subreddit="pics")
    await town.read()
    town.there.comment("ann", town.thread, "u/thebot help")
    await town.read()
    assert town.there.said() == []


async def test_a_quarantined_subreddit_does_not_show_the_comment(town: Town) -> None:
    """Reddit takes it and gives nothing back: it is looked up."""
    town.there.sub("pics").quarantined = True
    asked = town.there.comment("ann", town.thread, "u/thebot draw a heron")
    first = await town.answer(asked)
    await town.read()
    await town.reply("!again", to=first)
    assert len(town.there.below(asked)) == 1


async def test_a_revoked_key_is_told_in_plain_words(tmp_path: Path, horde: ScriptedHorde, there: FakeReddit) -> None:
    """The platform ends with a sentence for the operator, without any secret in it; answers wait."""
    there.revoked = True
    port = reddit_port(there, tmp_path, password=SecretStr("very-secret"))
    with pytest.raises(KeyRefused, match="no longer takes the bot's key") as told:
        await port.run(Town(tmp_path, horde, there))  # type: ignore[arg-type]  # it never comes to dispatch
    assert "very-secret" not in repr(told.value)
    port.close()


async def test_a_key_revoked_while_it_runs_and_given_back(town: Town) -> None:
    """The loop is started again by itself; what was asked meanwhile is answered."""
    await town.summon("help")
    town.there.revoked = True
    asked = town.there.comment("ann", town.thread, "u/thebot draw a heron")
    calls = len(town.there.calls)
    await town.there.until(lambda: len(town.there.calls) > calls)
    await town.close()
    town.there.revoked = False
    await town.open()
    await town.answer(asked)


async def test_only_answers_are_sent(town: Town) -> None:
    """No post without something to answer, no message to somebody who did not write, no reaction."""
    where, ref = Place("reddit", "pics", private=False), MessageRef("reddit", "pics", "t1_abc")
    with pytest.raises(SendRefused, match="I only answer"):
        await town.port.send(where, Post("hello"), key="k/answer")
    with pytest.raises(SendRefused, match="has not written to me"):
        await town.port.whisper(Person("reddit", "t2_ann", "ann"), where, Post("psst"), key="k/whisper")
    with pytest.raises(SendRefused, match="no reactions"):
        await town.port.react(ref, "👍")


async def test_an_edit_keeps_what_the_comment_is_found_by(town: Town) -> None:
    """It says something else and is still the same message."""
    where = Place("reddit", "pics", private=False, thread=town.thread)
    sent = await town.port.send(where, Post("before"), key="k/answer")
    mark = town.body(sent.ref.message).rpartition("#m-")[2][:12]
    await town.port.edit(sent.ref, Post("after"))
    assert town.body(sent.ref.message).startswith("after")
    assert mark in town.body(sent.ref.message)
    with pytest.raises(SendRefused, match="not mine"):
        await town.port.edit(MessageRef("reddit", "pics", town.thread), Post("after"))


async def test_the_budget_lets_no_call_through_too_early() -> None:
    """So many in any minute; the next one waits until the first of them is a minute old."""
    now = [0.0]
    budget = Budget(3, clock=lambda: now[0])
    for at in (0.0, 10.0, 20.0):
        now[0] = at
        await budget.spend()
    now[0] = 59.95
    started = asyncio.get_running_loop().time()
    await budget.spend()
    assert asyncio.get_running_loop().time() - started >= 0.04


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("https://i.redd.it/a.png", True),
        ("https://preview.redd.it/a.png?width=640&s=x", True),
        ("http://i.redd.it/a.png", False),
        ("https://i.redd.it:8443/a.png", False),
        ("https://i.redd.it.evil.example/a.png", False),
        ("https://user@evil.example/i.redd.it", False),
        ("https://127.0.0.1/a.png", False),
        ("file:///etc/passwd", False),
    ],
)
def test_pictures_are_fetched_from_reddit_alone(address: str, *, ours: bool) -> None:
    """Whatever a post links to, no other machine is visited."""
    assert is_ours(address) is ours


@pytest.mark.parametrize("missing", ["client_id", "client_secret", "username", "operator", "password"])
def test_what_is_missing_is_said_before_anything_starts(tmp_path: Path, missing: str) -> None:
    """By its name in the settings."""
    given = {
        **SETTINGS,
        "calls_per_minute": 80,
        missing: SecretStr("") if isinstance(SETTINGS[missing], SecretStr) else "",
    }
    settings = Settings.model_validate({"reddit": {"enabled": True, **given}})
    with pytest.raises(ConfigError, match=missing):
        opened(settings.platforms(), data_dir=tmp_path)


async def test_the_doctor_looks_without_touching_anything(tmp_path: Path, there: FakeReddit) -> None:
    """Key, age, being seen and the home subreddit; a key that is not taken, and settings that lack something."""
    given = {**SETTINGS, "data_dir": tmp_path, "connector": there.connector}
    good = [each async for each in Reddit.examine(**given)]
    assert [each.health for each in good] == [Health.GOOD, Health.GOOD]
    assert there.said() == there.posted() == []
    there.shadowed, there.born = True, time.time()
    assert [each.health async for each in Reddit.examine(**given)] == [Health.NOTE, Health.BAD, Health.GOOD]
    there.revoked = True
    (refused,) = [each async for each in Reddit.examine(**given)]
    assert "no longer takes the bot's key" in refused.words
    (lacking,) = [each async for each in Reddit.examine(**{**given, "operator": ""})]
    assert "operator" in lacking.words
