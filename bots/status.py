"""How the horde is: who draws, how much waits, and how long a picture would take now."""

from __future__ import annotations

from core.chat.command import command
from core.chat.talk import Chat
from core.errors import HordeUnavailable
from core.generation import duration
from core.house import House
from core.house.offer import Offered

_MOST_MODELS = 10


@command("status", aliases=("horde",))
async def status(chat: Chat[House]) -> None:
    """Show how busy the horde is and which models it offers."""
    try:
        performance = await chat.house.horde.performance()
    except HordeUnavailable:
        await chat.reply("The horde does not answer right now. Please ask again in a while.")
        return
    models = await chat.house.offer.models()
    if not models:
        await chat.reply(
            f"Nobody is drawing right now, so {_waiting(performance.queued_requests)}. "
            "As soon as a worker comes, it goes on by itself."
        )
        return
    lines = [
        f"{_counted(performance.worker_count, 'worker')} drawing, {_waiting(performance.queued_requests)}.",
        _estimate(models),
        *(f"• {_model(model)}" for model in models[:_MOST_MODELS]),
    ]
    if len(models) > _MOST_MODELS:
        lines.append(f"… and {len(models) - _MOST_MODELS} more models.")
    await chat.reply("\n".join(lines))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _waiting(queued: int) -> str:
    return "nothing waits" if queued == 0 else f"{_counted(queued, 'picture')} waiting"


def _estimate(models: tuple[Offered, ...]) -> str:
    shortest = min(model.eta for model in models)
    if shortest < 1:
        return "A picture would be started at once."
    return f"A picture would wait about {duration(shortest)}."


def _model(model: Offered) -> str:
    wait = f", about {duration(model.eta)} of work before you" if model.eta >= 1 else ""
    return f"{model.name}: {_counted(model.workers, 'worker')}{wait}"
