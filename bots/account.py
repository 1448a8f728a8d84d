"""One's own account: what one has, logging in, getting an account, being forgotten. Everything of it in private."""

from __future__ import annotations

from typing import Annotated

from core.accounts import membership
from core.chat.command import Opt, command
from core.chat.port import SendFailed, SendRefused
from core.chat.talk import Chat
from core.errors import InvalidRequest, NotAllowed
from core.house import House
from core.house.words import listed

NOBODY = (
    "I know you by this name only, and you draw as a guest. Say “join” for an account on this horde, “login KEY” if "
    "you have one, or “link” to be known here as somebody you are elsewhere."
)


@command("account", aliases=("balance",))
async def account(chat: Chat[House]) -> None:
    """Show your account and kudos."""
    found = await membership.standing(chat.house, chat.person)
    if found is None:
        await chat.whisper(NOBODY)
        return
    lines = [f"Your account: {found.user}, {found.kudos:,.0f} kudos." if found.user else "You have no account yet."]
    lines += [f"I know you as {described(found.identities)}."]
    await chat.whisper("\n".join(lines))


def described(identities: membership.Identities) -> str:
    """Names and platforms as a phrase."""
    return listed([f"{each.name or 'somebody'} on {each.platform.title()}" for each in identities])


@command("join")
async def join(chat: Chat[House]) -> None:
    """Get an account."""
    user = await membership.join(chat.house, chat.person)
    await chat.reply(f"Welcome! You are {user} from now on, and what you ask for is yours.")


@command("login", secret=True)
async def login(chat: Chat[House], key: Annotated[str, Opt("The API key of your account on this horde")]) -> None:
    """Use your own account; in private."""
    if not chat.place.private:
        gone = await _removed(chat)
        raise NotAllowed(
            "Never show an API key in public. "
            + ("I removed your message" if gone else "Please delete your message")
            + ", but somebody may have read it: get a new key from your horde, and tell it to me in private."
        )
    user = await membership.log_in(chat.house, chat.person, key.strip())
    gone = await _removed(chat)
    kept = "" if gone else " Please delete the message with your key here."
    await chat.reply(f"You are {user} from now on. I keep your key sealed; “unlink” makes me forget it.{kept}")


async def _removed(chat: Chat[House]) -> bool:
    """Take the message with the key away, where the platform lets us."""
    if chat.message is None:
        return False
    try:
        await chat.delete(chat.message)
    except (SendRefused, SendFailed):
        return False
    return True


@command("forget")
async def forget(chat: Chat[House], whom: Annotated[str, Opt("Whom", example="me")]) -> None:
    """Delete what I keep about you."""
    if whom.strip().lower() not in {"me", "me please", "me!"}:
        raise InvalidRequest("Say “forget me” to have everything deleted that I keep about you.")
    await chat.house.community.people.forget(chat.person.platform, chat.person.id)
    await chat.whisper(
        "Done: your account here, your sealed key, the names you linked and what you asked for are deleted. What "
        "remains is not mine to delete: messages on the platforms, and your account with its kudos on the horde."
    )
