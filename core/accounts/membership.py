"""Who somebody is: their account on the horde, and all the names by which they are known on the platforms.

Used by `bots/account.py` and `bots/link.py`, by `bots/drawing.py` (whose account pays) and by `core.kudos`. Above the
house, beside nobody: `kudos` may use it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from core.chat.types import Person
from core.client.horde import HordeClient
from core.errors import InvalidRequest, NotAllowed, NotFound
from core.house import House
from core.house.people import Account, Identity

Identities = Sequence[Identity]

CODE_LASTS = 600.0
"""Seconds for which a code links."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""None that look alike."""
_CODE = re.compile(r"\s*([A-Za-z0-9]{4})[\s-]*([A-Za-z0-9]{4})\s*")
_NOT_IN_NAMES = re.compile(r"[^\w .-]+")
_KEY = re.compile(r"[\w-]{10,64}", re.ASCII)


@dataclass(frozen=True)
class Standing:
    """What somebody has: `alias#id` on the horde ("" = none), kudos there, and their identities."""

    user: str
    kudos: float
    identities: Identities


async def horde_of(house: House, person: Person) -> HordeClient:
    """The horde as this person's own account; as the bots' where they have none.

    Raises:
        NotAllowed: their key cannot be opened any more; says what to do.
    """
    account = await house.community.people.account(person.platform, person.id)
    return own_horde(house, account) or house.horde


def own_horde(house: House, account: Account | None) -> HordeClient | None:
    """The horde as an account of ours; None where that has no key."""
    if account is None or not account.sealed:
        return None
    return horde_signed(house, account.id, account.sealed)


def horde_signed(house: House, account: str, sealed: str) -> HordeClient:
    """The horde with an account's sealed key.

    Raises:
        NotAllowed: it cannot be opened any more; says what to do.
    """
    return house.horde.signed(house.community.seal.open(account, sealed))


async def log_in(house: House, person: Person, key: str) -> str:
    """Take an API key of the horde, tried first; returns `alias#id`.

    Raises:
        InvalidRequest: it is no key, or nobody's.
    """
    if not _KEY.fullmatch(key):
        raise InvalidRequest("That is no API key: those are letters, numbers, - and _ without spaces.")
    try:
        user = (await house.horde.signed(key).find_user()).username
    except NotAllowed:
        raise InvalidRequest("The horde knows nobody with that key.") from None
    await _sign_in(house, person, user, key)
    return user


async def join(house: House, person: Person) -> str:
    """Make an account on the bundled horde, whose key only we keep; returns `alias#id`.

    Raises:
        InvalidRequest: they have one, or this horde makes accounts on its own page only.
    """
    account = await house.community.people.account(person.platform, person.id)
    if account is not None and account.sealed:
        raise InvalidRequest(f"You have an account already: {account.user}.")
    name = " ".join(_NOT_IN_NAMES.sub(" ", person.name).split())[:30].strip() or "friend"
    try:
        made = await house.horde.register(name)
    except NotFound:
        raise InvalidRequest(
            "This horde makes accounts on its own page only. Make one there, then tell me its key: login YOUR-KEY"
        ) from None
    await _sign_in(house, person, made.username, made.key)
    return made.username


async def _sign_in(house: House, person: Person, user: str, key: str) -> None:
    account = await _opened(house, person)
    await house.community.people.sign_in(account.id, user=user, sealed=house.community.seal.close(account.id, key))


async def _opened(house: House, person: Person) -> Account:
    return await house.community.people.open_account(
        uuid.uuid4().hex, platform=person.platform, person=person.id, now=house.clock()
    )


async def standing(house: House, person: Person) -> Standing | None:
    """What somebody has; None = they are known by this one name only and have no account.

    Raises:
        NotAllowed: their key cannot be opened any more, or the horde does not take it any more.
    """
    account = await house.community.people.account(person.platform, person.id)
    if account is None:
        return None
    horde = own_horde(house, account)
    details = await horde.find_user() if horde else None
    kudos = details.kudos if details else 0.0
    return Standing(account.user, kudos, await house.community.people.identities(account.id))


async def link_code(house: House, person: Person) -> str:
    """A code with which another identity of this person can be linked, once, for `CODE_LASTS` seconds."""
    account = await _opened(house, person)
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    await house.community.people.offer_link(_digest(letters), account=account.id, expires=house.clock() + CODE_LASTS)
    return f"{letters[:4]}-{letters[4:]}"


async def link(house: House, person: Person, code: str) -> Identities:
    """Use a code; returns all identities of the person, this one included.

    Raises:
        InvalidRequest: this identity belongs to an account already, or there is no such code (any more).
        TooMany: too many were wrong.
    """
    shape = _CODE.fullmatch(code)
    if shape is None:
        raise InvalidRequest("A code looks like ABCD-EFGH. If you wanted a picture, begin with “draw”.")
    if await house.community.people.account(person.platform, person.id):
        raise InvalidRequest("You have an account here already. Say “unlink” first if this one shall join the other.")
    account = await house.community.people.take_link(
        _digest(shape[1] + shape[2]), platform=person.platform, person=person.id, now=house.clock()
    )
    if account is None:
        raise InvalidRequest("That code is not valid (any more). Codes last ten minutes and work once.")
    return await house.community.people.identities(account.id)


def _digest(code: str) -> str:
    return hashlib.sha256(code.upper().encode()).hexdigest()
