"""The command line of Largesse, and the only file that sees everybody: it introduces the parts to each other.

Each part (coordinator, worker, bots) gets its settings and runs in one TaskGroup, alone or together, always over HTTP.
Stopping goes from the outside in: platforms fall silent, the worker hands in its work, the coordinator leaves last.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.matrix.commands import commands as matrix
from core.accounts.commands import app as people
from core.coordinator.commands import app as operator
from core.errors import LargesseError, flat
from core.settings import Settings, effective, load

if TYPE_CHECKING:
    from core.startbar import StartBar

ABOUT = "Chat bots that let a community draw pictures together, on machines that the community itself lends."
app = typer.Typer(help=ABOUT, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(operator, name="coordinator")
app.add_typer(people, name="accounts")
app.add_typer(matrix(lambda file: (load(file).matrix.arguments(), load(file).general.data_dir)), name="matrix")
File = Annotated[Path | None, typer.Option("--settings", metavar="FILE", help="Used instead of config/largesse.toml.")]
Say = Annotated[str | None, typer.Option(help="Say one sentence, save the picture, print its path, stop.")]
Out = Annotated[Path, typer.Option(help="Folder for pictures; with --say also a .png or .webp file.")]
Terminal = Annotated[bool, typer.Option("--terminal", help="Chat in this terminal instead of in the browser.")]
DRAIN_SECONDS = 10.0


async def household(settings: Settings, *parts: str, say: str | None = None, bar: "StartBar | None" = None) -> int:
    """Run parts (coordinator, worker, bots) until told to stop; with a bar the bots wait for the worker."""
    from core.stopping import stop_on_signals, until_either

    stop, last, drawing = stop_on_signals(), asyncio.Event(), asyncio.Event()
    guests: list[asyncio.Task[int]] = []
    async with asyncio.TaskGroup() as group:
        url = await _coordinator(group, settings, last) if "coordinator" in parts else ""
        if bar:
            bar.next()
        if "worker" in parts:
            guests.append(group.create_task(_worker(settings, url, drawing, stop)))
        if bar:
            await until_either(drawing, stop)
            bar.close()
        if "bots" in parts:
            guests.append(group.create_task(_bots(settings, url, stop, say)))
        await stop.wait()
        statuses = await asyncio.gather(*guests)
        last.set()
    return max(statuses, default=0)


async def _coordinator(group: asyncio.TaskGroup, settings: Settings, stop: asyncio.Event) -> str:
    from core.coordinator.processes import run_coordinator

    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    group.create_task(run_coordinator(settings, ready=ready.set_result, stop=stop))
    return await ready


async def _worker(settings: Settings, url: str, drawing: asyncio.Event, stop: asyncio.Event) -> int:
    from core.coordinator.keys import introduce
    from core.worker.pool import run_worker

    url, key = introduce(settings, "worker", url)
    await run_worker(settings, api_key=key, horde_url=url, ready=drawing.set, stop=stop)
    return 0


async def _bots(settings: Settings, url: str, stop: asyncio.Event, say: str | None) -> int:
    import adapters
    from adapters.console.platform import run_once
    from bots import REPERTOIRE
    from core.chat.dispatch import Dispatch
    from core.coordinator.keys import introduce
    from core.house import open_house
    from core.kudos.clerk import paying
    from core.store import Store

    url, key = introduce(settings, "bots", url)
    folder, chat, pace = settings.general.data_dir, settings.console, settings.bots.requests_per_minute
    store = await Store.open(f"sqlite:///{(folder / 'bots.db').as_posix()}")
    async with store, open_house(settings.bots, store, horde_url=url, api_key=key, data_dir=folder) as house:
        dispatch = Dispatch(REPERTOIRE, house, store, requests_per_minute=pace, rules=house.places)
        try:
            if say is not None:
                return await run_once(dispatch, say=say, out=chat.pictures_dir, person=chat.person, data_dir=folder)
            async with paying(house, store, adapters.opened(settings.platforms(), data_dir=folder)) as ports:
                await dispatch.listen(*ports, until=stop)
        finally:
            stop.set()
            await dispatch.close(drain=DRAIN_SECONDS)
    return 0


def _run(settings: Settings, *parts: str, say: str | None = None, bar: "StartBar | None" = None) -> None:
    from core import log
    from core.coordinator.loop import new_loop

    log.configure(level=settings.general.log_level, style=settings.general.log_style)
    with asyncio.Runner(loop_factory=new_loop if parts == ("coordinator",) else None) as runner:
        raise typer.Exit(runner.run(household(settings, *parts, say=say, bar=bar)))


@app.command()
def demo(say: Say = None, out: Out = Path("out"), file: File = None, terminal: Terminal = False) -> None:
    """Try it here: coordinator, worker and a chat page for your browser."""
    from core.startbar import StartBar

    with StartBar() as bar:
        _run(load(file).for_demo(out, terminal=terminal), "coordinator", "worker", "bots", say=say, bar=bar)


@app.command()
def up(file: File = None) -> None:
    """Run everything that the settings enable, in one process."""
    settings = load(file)
    _run(settings, *(name for name in ("coordinator", "worker", "bots") if getattr(settings, name).enabled))


@operator.callback()
def coordinator(
    chosen: typer.Context, file: File = None, processes: Annotated[int | None, typer.Option(min=1, max=256)] = None
) -> None:
    """Run the bundled horde, in several processes where PostgreSQL is its database; or look after it."""
    if chosen.invoked_subcommand is None:
        _run(load(file).with_processes(processes), "coordinator")


def _alone(part: str, words: str) -> None:
    def start(file: File = None) -> None:
        _run(load(file), part)

    app.command(part, help=words)(start)


_alone("worker", "Lend this machine: draw for a coordinator.")
_alone("bots", "Run the bots on every platform that the settings enable.")


@app.command()
def doctor(file: File = None) -> None:
    """Look whether everything is in order here, and say what to do where it is not."""
    from adapters import examined
    from core.coordinator.keys import introduce
    from core.doctor import report

    settings = load(file)
    raise typer.Exit(asyncio.run(report(settings, *introduce(settings, "bots", ""), also=examined, tell=typer.echo)))


@app.command()
def config(file: File = None) -> None:
    """Print the settings in force, secrets masked."""
    typer.echo(json.dumps(effective(load(file)), indent=2, ensure_ascii=False))


def main() -> None:
    """Run the command line; what is known to go wrong is said in a sentence, with exit status 1."""
    try:
        app()
    except* LargesseError as errors:
        sys.stderr.write("".join(f"{sentence}\n" for sentence in dict.fromkeys(map(str, flat(errors)))))
        sys.exit(1)


if __name__ == "__main__":
    main()
