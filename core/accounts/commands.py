"""What an operator does to people's sealed keys: `run_bot.py accounts rotate`.

`run_bot.py` hangs this under its own commands; everything heavy is imported when a command runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from core.errors import NotAllowed
from core.settings import Settings, load

app = typer.Typer(help="People's accounts, as the bots keep them.", no_args_is_help=True)


@app.callback()
def _accounts() -> None:
    """People's accounts, as the bots keep them."""


@app.command()
def rotate(
    file: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="Used instead of config/largesse.toml.")
    ] = None,
) -> None:
    """Seal people's API keys anew with a fresh key; the bots may go on running."""
    raise typer.Exit(asyncio.run(seal_anew(load(file), typer.echo)))


async def seal_anew(settings: Settings, tell: Callable[[str], None]) -> int:
    """Put a new key first, seal everything with it, drop the old ones; a crash in between loses nothing."""
    from core.house import seal_of
    from core.store import Store

    folder = settings.general.data_dir
    seal = seal_of(settings.bots, folder)
    if not settings.bots.sealing_keys.get_secret_value():
        seal.add_key()
    done, lost = 0, list[str]()
    async with await Store.open(f"sqlite:///{(folder / 'bots.db').as_posix()}") as store:
        for account in await store.sealed_keys():
            try:
                sealed = seal.close(account.id, seal.open(account.id, account.sealed))
            except NotAllowed:
                lost.append(account.user)
                continue
            await store.sign_in(account.id, user=account.user, sealed=sealed)
            done += 1
    if not lost:
        seal.drop_old_keys()
    tell(f"Sealed anew: {done}.")
    if lost:
        tell(f"These do not open, and their people have to log in again; old keys stay: {', '.join(lost)}")
    return 1 if lost else 0
