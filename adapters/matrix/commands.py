"""`run_bot.py matrix …`: make the bot's device, verify it, look after it, try it all on a homeserver of one's own.

`run_bot.py` hands over how settings are loaded; what needs nio is imported when a command runs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ConfigError

if TYPE_CHECKING:
    from adapters.matrix.platform import Matrix

File = Annotated[Path | None, typer.Option("--settings", metavar="FILE", help="Used instead of config/largesse.toml.")]
Token = Annotated[bool, typer.Option("--with-token", help="Ask for an access token instead of a password.")]
Say = Annotated[str | None, typer.Option(help="Say one sentence, save the picture, print its path, stop.")]
Out = Annotated[Path, typer.Option(help="Folder for the picture of --say.")]
Load = Callable[[Path | None], tuple[dict[str, Any], Path]]
"""The section [matrix] as keyword arguments, and the data folder."""


def commands(load: Load) -> typer.Typer:
    """The commands."""
    app = typer.Typer(help="The bot's account on Matrix (docs/matrix.md).", no_args_is_help=True)

    def login(file: File = None, with_token: Token = False) -> None:
        """Make the bot's device and its identity, once; prints the recovery key."""
        arguments, data_dir = load(file)
        secret = arguments["password"].get_secret_value()
        if with_token or not secret:
            secret = typer.prompt("Access token" if with_token else f"Password of {arguments['user']}", hide_input=True)
        typer.echo(asyncio.run(_login(arguments, data_dir, secret, with_token=with_token)))

    def verify(file: File = None) -> None:
        """Wait for a verification from an app of an owner and show its emoji; stop the bot before."""
        arguments, data_dir = load(file)
        typer.echo("Open the bot's profile in your app and choose Verify. Ctrl-C ends this.", err=True)
        asyncio.run(_port(arguments, data_dir).wait_for_verification(_show))

    def doctor(file: File = None) -> None:
        """Look whether apps will trust the bot, and say what to do where they will not."""
        arguments, data_dir = load(file)
        raise typer.Exit(asyncio.run(_examine(arguments, data_dir)))

    def demo(say: Say = None, out: Out = Path("out"), file: File = None) -> None:
        """Try it here: a homeserver, coordinator, worker, bot, a person and an encrypted room."""
        from adapters.matrix.demo import run

        raise typer.Exit(run(load(file)[1] / "matrix-demo", say=say, out=out))

    for command in (login, verify, doctor, demo):
        app.command()(command)
    return app


def _port(arguments: dict[str, Any], data_dir: Path) -> Matrix:
    from adapters.matrix.platform import Matrix

    return Matrix(**arguments, data_dir=data_dir)


async def _login(arguments: dict[str, Any], data_dir: Path, secret: str, *, with_token: bool) -> str:
    """Make the session, publish keys and identity; what to tell the operator."""
    import aiohttp

    from adapters.matrix import identity, session
    from adapters.matrix.engine import Engine
    from adapters.matrix.homeserver import Homeserver

    folder, user = data_dir / "matrix", str(arguments["user"])
    if not user or not arguments["homeserver"]:
        raise ConfigError("matrix.homeserver and matrix.user: set both first.")
    async with aiohttp.ClientSession() as http:
        me = session.load(folder)
        if me is None:
            url = await session.find_homeserver(Homeserver(arguments["homeserver"], http))
            if with_token:
                me = await session.take_token(Homeserver(url, http, token=secret), folder, token=secret)
            else:
                server, name = Homeserver(url, http), str(arguments["device_name"])
                me = await session.log_in(server, folder, user=user, password=secret, device_name=name)
        server, engine = Homeserver(me.homeserver, http, token=me.access_token), Engine(me, folder / "keys")
        try:
            session.pin(folder, me, engine.machine.account.identity_keys["ed25519"])
            await engine.settle()
            password, recovery = "" if with_token else secret, arguments["recovery_key"].get_secret_value()
            known = await identity.establish(server, engine, folder, password=password, recovery_key=recovery)
        finally:
            await engine.close()
    words = f"{me.user_id} is there as device {me.device_id}, signed by its identity. Everything is kept in {folder}."
    if known and known.recovery_key:
        words += f"\nRecovery key, for a safe place: {known.recovery_key}"
    return words


def _show(user: str, emoji: list[tuple[str, str]]) -> None:
    signs = "   ".join(f"{sign} {name}" for sign, name in emoji)
    sys.stderr.write(f"{user} must see the same in their app:\n  {signs}\n")


async def _examine(arguments: dict[str, Any], data_dir: Path) -> int:
    from adapters.matrix.checkup import examine
    from core.findings import Health

    worst = 0
    async for finding in examine(data_dir / "matrix", **arguments):
        typer.echo(f"{finding.health.value:<5}{finding.about}: {finding.words}")
        worst |= finding.health is Health.BAD
    return int(worst)
