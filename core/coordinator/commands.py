"""What an operator does to the bundled coordinator from the command line: `run_bot.py coordinator user add NAME`.

`run_bot.py` hangs this under its own commands; everything heavy is imported when a command runs.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from core.settings import load

File = Annotated[Path | None, typer.Option("--settings", metavar="FILE", help="Used instead of config/largesse.toml.")]
Role = Annotated[bool, typer.Option(help="Give the account this role.")]

app = typer.Typer(invoke_without_command=True)
user = typer.Typer(help="Accounts.", no_args_is_help=True)
app.add_typer(user, name="user")


@user.callback()
def _accounts() -> None:
    """Accounts."""


@user.command()
def add(
    name: Annotated[str, typer.Argument(help="1 to 30 characters, no #.")],
    kudos: Annotated[float, typer.Option(min=0, help="Kudos to start with.")] = 0.0,
    trusted: Role = False,
    moderator: Role = False,
    admin: Role = False,
    service: Role = False,
    file: File = None,
) -> None:
    """Make an account and print its key, once."""
    from core.coordinator.people import add_user

    roles = {"trusted": trusted, "moderator": moderator, "admin": admin, "service": service}
    raise typer.Exit(asyncio.run(add_user(load(file), name, tell=typer.echo, kudos=kudos, **roles)))


@app.command()
def audit(file: File = None) -> None:
    """Prove the kudos ledger: every event sums to zero, every balance is the sum of its postings."""
    from core.coordinator.audit import audit as prove

    raise typer.Exit(asyncio.run(prove(load(file), typer.echo)))
