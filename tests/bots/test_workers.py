"""People who lend a machine look after it from the chat, with the key they logged in with."""

from __future__ import annotations

from typing import Any

import pytest

from core.chat.types import Press
from tests.bots.scripted import ScriptedHorde
from tests.bots.test_tips import Town, town

__all__ = ["town"]


def lend(horde: ScriptedHorde, owner: str, name: str, **facts: Any) -> str:
    """Somebody's machine; its id."""
    worker_id = f"{name.lower()}-0000-0000"
    horde.workers[worker_id] = {
        "key": f"key-of-{owner}-for-tests", "id": worker_id, "name": name, "online": True, "maintenance_mode": False,
        "kudos_rewards": 1234.4, "requests_fulfilled": 56, "uptime": 7200, "models": ["little"], **facts,
    }  # fmt: skip
    return worker_id


async def test_ones_own_machines_are_shown(town: Town, horde: ScriptedHorde) -> None:
    """With their earnings, to their owner alone; those that are away come last."""
    lend(horde, "ann", "Attic", online=False, kudos_rewards=0.0, uptime=0)
    lend(horde, "ann", "Cellar")
    lend(horde, "ben", "Shed")
    await town.say("workers")
    assert town.whispered()[-1] == (
        "• Cellar (working): 1,234 kudos earned · 56 done · up 2 h · little\n"
        "• Attic (away): 0 kudos earned · 56 done · little"
    )
    await town.say("workers", person="cat")
    assert "login KEY" in town.whispered("cat")[-1]


async def test_a_machine_rests_and_works_again(town: Town, horde: ScriptedHorde) -> None:
    """By its name and with a message, or by the button under the list."""
    cellar = lend(horde, "ann", "Cellar")
    await town.say("workers pause cellar --message back at eight")
    assert (horde.workers[cellar]["maintenance_mode"], horde.workers[cellar]["said"]) == (True, "back at eight")
    await town.say("workers")
    shown = [each for each in town.port.shown.values() if each.post.buttons][-1]
    button = shown.post.buttons[0]
    assert button.label == "Resume Cellar"
    press = Press("press:1", button.action, button.arg, town.port.person("ann"), town.port.place(), shown.ref)
    await town.dispatch.press(town.port, press)
    await town.idle()
    assert not horde.workers[cellar]["maintenance_mode"]


@pytest.mark.parametrize(
    ("said", "answer"),
    [("workers pause Celar", "no worker called “Celar”"), ("workers stop", "workers pause NAME")],
)
async def test_what_cannot_be_done_is_said(town: Town, horde: ScriptedHorde, said: str, answer: str) -> None:
    """Names that are nearly right get a hint, other words the usage."""
    lend(horde, "ann", "Cellar")
    await town.say(said)
    assert answer in town.whispered()[-1]


async def test_nobody_rests_somebody_elses(town: Town, horde: ScriptedHorde) -> None:
    """The horde refuses, whatever a button says."""
    shed = lend(horde, "ben", "Shed")
    press = Press("press:2", "worker-pause", shed, town.port.person("ann"), town.port.place(), town.message())
    await town.dispatch.press(town.port, press)
    await town.idle()
    assert not horde.workers[shed]["maintenance_mode"]
    assert "belongs to another account" in town.whispered()[-1]
