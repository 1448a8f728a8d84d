"""For people who lend a machine: how it does and what it earned, resting it and waking it up. In private."""

from __future__ import annotations

from typing import Annotated

from core.accounts import machines
from core.chat.command import Opt, button, command
from core.chat.talk import Chat
from core.chat.types import Button, Post, Press
from core.contract.workers import WorkerDetails
from core.errors import InvalidRequest
from core.generation import duration
from core.house import House

MOST_BUTTONS = 10


@command("workers")
async def workers(
    chat: Chat[House],
    what: Annotated[str, Opt("Nothing, or: pause NAME, resume NAME", example="pause Cellar")] = "",
    *,
    message: Annotated[str | None, Opt("What the horde says while it rests", example="back at eight")] = None,
) -> None:
    """Look after machines you lend."""
    verb, _, name = what.strip().partition(" ")
    match verb.lower():
        case "":
            await _show(chat)
        case "pause":
            found = await machines.named(chat.house, chat.person, name)
            await machines.rest(chat.house, chat.person, found.id, message=message or "")
            await chat.whisper(f"{found.name} rests: it finishes what it has, and works for nobody but you.")
        case "resume":
            found = await machines.named(chat.house, chat.person, name)
            await machines.wake(chat.house, chat.person, found.id)
            await chat.whisper(f"{found.name} works again.")
        case _:
            raise InvalidRequest("Say “workers”, “workers pause NAME” or “workers resume NAME”.")


@button("worker-pause")
async def pause(chat: Chat[House], press: Press) -> None:
    """Let one rest; the horde sees to it that it is one's own."""
    await machines.rest(chat.house, press.person, press.arg)
    await chat.whisper("It rests: it finishes what it has, and works for nobody but you.")


@button("worker-resume")
async def resume(chat: Chat[House], press: Press) -> None:
    """Let one work again."""
    await machines.wake(chat.house, press.person, press.arg)
    await chat.whisper("It works again.")


async def _show(chat: Chat[House]) -> None:
    mine = await machines.machines(chat.house, chat.person)
    if not mine:
        await chat.whisper("You lend no machine yet. How to: docs/running.md of Largesse, or the page of your horde.")
        return
    await chat.whisper(Post("\n".join(map(_line, mine)), buttons=tuple(map(_button, mine[:MOST_BUTTONS]))))


def _line(worker: WorkerDetails) -> str:
    state = "resting" if worker.maintenance_mode else "working" if worker.online else "away"
    facts = [f"{worker.kudos_rewards:,.0f} kudos earned", f"{worker.requests_fulfilled:,} done"]
    facts += [f"up {duration(worker.uptime)}"] if worker.uptime else []
    facts += [", ".join(worker.models[:3])] if worker.models else []
    return f"• {worker.name} ({state}): {' · '.join(facts)}"


def _button(worker: WorkerDetails) -> Button:
    if worker.maintenance_mode:
        return Button(f"Resume {worker.name}"[:40], "worker-resume", worker.id)
    return Button(f"Pause {worker.name}"[:40], "worker-pause", worker.id)
