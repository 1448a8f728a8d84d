"""The account's identity (cross-signing): three keys of which the first vouches for the others, and they for devices.

Apps give their keys to, and show messages of, only devices that their owner's identity signed; matrix-nio knows none of
this. An identity that is there is never replaced: whoever verified the bot would have to do it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from adapters.matrix.engine import Engine
from adapters.matrix.homeserver import Body, Homeserver, Refused, path
from adapters.matrix.keys import SigningKey, decode, encode, is_signed, with_signature
from adapters.matrix.session import keep
from adapters.matrix.vault import Vault, find, read_key, write_key
from core.errors import ConfigError

FILE = "identity.json"
MASTER, SELF, USER = "master", "self_signing", "user_signing"
USES = (MASTER, SELF, USER)
_UPLOAD = "/_matrix/client/v3/keys/device_signing/upload"


@dataclass(frozen=True)
class Identity:
    """The private keys, by their use, and the recovery key of the vault they lie in, where we made it."""

    keys: Mapping[str, SigningKey] = field(repr=False)
    recovery_key: str = field(default="", repr=False)

    def save(self, folder: Path) -> None:
        """Keep it, readable by its owner only.

        Raises:
            OSError: the disk does not take it.
        """
        seeds = {use: encode(key.seed) for use, key in self.keys.items()}
        keep(folder / FILE, {**seeds, "recovery_key": self.recovery_key})


@dataclass(frozen=True)
class Standing:
    """What the homeserver says of our device and identity, checked as a strict app does."""

    device: Body
    """The device's keys; {} = not published."""
    public: Mapping[str, Body]
    """The identity's public keys, by their use; {} = there is none."""
    device_is_ours: bool
    """The keys there are the ones in our store."""
    trusted: bool
    """The self-signing key vouches for the device, the master key for that."""


def load(folder: Path) -> Identity | None:
    """The identity that is kept here; None = none.

    Raises:
        ConfigError: the file is there and cannot be used.
    """
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        keys = {use: SigningKey(decode(found[use])) for use in USES}
        return Identity(keys, found.get("recovery_key", ""))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"{folder / FILE} cannot be used; restore a copy of it.") from None


async def look(server: Homeserver, user: str, device_id: str, device_key: str) -> Standing:
    """Ask the homeserver about a device and its public signing key. Raises as `Homeserver.ask`."""
    answer = await server.ask("POST", path("keys", "query"), {"device_keys": {user: []}})
    device = cast("Body", answer.get("device_keys", {}).get(user, {}).get(device_id, {}))
    kinds = {use: answer.get(f"{use}_keys" if use != MASTER else "master_keys", {}).get(user) for use in USES}
    public = {use: cast("Body", key) for use, key in kinds.items() if key}
    its = device.get("keys", {}).get(f"ed25519:{device_id}")
    master, signing = (_public(public.get(use, {})) for use in (MASTER, SELF))
    vouched = is_signed(public.get(SELF, {}), user, master) and is_signed(device, user, signing)
    return Standing(device, public, its == device_key, vouched and its == device_key)


async def look_at(server: Homeserver, engine: Engine) -> Standing:
    """The same about our own device."""
    key = engine.machine.account.identity_keys["ed25519"]
    return await look(server, engine.user_id, str(engine.device_id), key)


async def establish(
    server: Homeserver, engine: Engine, folder: Path, *, password: str, recovery_key: str
) -> Identity | None:
    """See to it that our device is trusted; touches nothing where it is.

    Args:
        server: the homeserver.
        engine: our device.
        folder: where the identity is kept.
        password: of the account, where the homeserver asks for it; empty = none.
        recovery_key: of the account's vault, where the identity was made elsewhere; empty = not known.

    Returns:
        The identity, where its keys are known here.

    Raises:
        ConfigError: it cannot be done; says what to do instead.
        SendFailed, SendRefused: the homeserver did not do its part.
    """
    standing, known = await look_at(server, engine), load(folder)
    if not standing.device_is_ours:
        raise ConfigError(
            "The homeserver knows other keys for this device than its store has, or none yet. If that stays so, move "
            f"{folder} away and run `run_bot.py matrix login` for a new device."
        )
    if standing.trusted:
        return known
    if standing.public:
        known = await _recovered(server, engine, folder, standing, known, recovery_key)
    else:
        known = await _made(server, engine, folder, known, password)
        standing = await look_at(server, engine)
    await _sign(server, engine, standing, known)
    if not (await look_at(server, engine)).trusted:
        raise ConfigError("The homeserver took the signatures and does not show them; try again later.")
    return known


async def _recovered(
    server: Homeserver, engine: Engine, folder: Path, standing: Standing, known: Identity | None, recovery_key: str
) -> Identity:
    """The keys of an identity that is there."""
    master = _public(standing.public.get(MASTER, {}))
    if known and known.keys[MASTER].public == master:
        return known
    if not recovery_key:
        raise ConfigError(
            f"{engine.user_id} has an identity that was made elsewhere. Set matrix.recovery_key to the recovery key of "
            "its secret storage, or verify this device from another app of the same account."
        )
    vault = await Vault.open(server, engine.user_id, recovery_key)
    keys = {use: SigningKey(await vault.get(f"m.cross_signing.{use}")) for use in USES}
    if keys[MASTER].public != master or keys[SELF].public != _public(standing.public.get(SELF, {})):
        raise ConfigError("The secret storage holds the keys of another identity than the account has now.")
    found = Identity(keys)
    found.save(folder)
    return found


async def _made(server: Homeserver, engine: Engine, folder: Path, known: Identity | None, password: str) -> Identity:
    """A new identity: kept here first, then published, then put into a vault."""
    if known is None:
        key = SigningKey.new().seed
        known = Identity({use: SigningKey.new() for use in USES}, write_key(key))
        known.save(folder)
    await _publish(server, engine.user_id, known, password)
    key = read_key(known.recovery_key)
    if key and not await find(server, engine.user_id, "m.secret_storage.default_key"):
        vault = await Vault.make(server, engine.user_id, key)
        for use, each in known.keys.items():
            await vault.put(f"m.cross_signing.{use}", each.seed)
    return known


async def _publish(server: Homeserver, user: str, identity: Identity, password: str) -> None:
    master = identity.keys[MASTER]
    body: Body = {}
    for use, key in identity.keys.items():
        public: Body = {"user_id": user, "usage": [use], "keys": {f"ed25519:{key.public}": key.public}}
        if use != MASTER:
            public = with_signature(public, user, f"ed25519:{master.public}", master.sign(public))
        body[f"{use}_key"] = public
    try:
        await server.ask("POST", _UPLOAD, body)
    except Refused as error:
        if error.status != 401 or "flows" not in error.body:
            raise
        proof = _proof(error.body, user, password)
        try:
            await server.ask("POST", _UPLOAD, {**body, "auth": proof})
        except Refused as again:
            raise ConfigError(f"The homeserver does not take the account's password ({again}).") from None


def _proof(asked: Mapping[str, Any], user: str, password: str) -> Body:
    """What the homeserver wants to see before it takes an identity."""
    stages = [stage for flow in asked.get("flows", []) for stage in flow.get("stages", [])]
    if "m.login.password" in stages and password:
        identifier = {"type": "m.id.user", "user": user}
        return {
            "type": "m.login.password",
            "identifier": identifier,
            "password": password,
            "session": asked.get("session"),
        }
    for stage in ("m.oauth", "org.matrix.cross_signing_reset"):
        if stage in stages:
            url = asked.get("params", {}).get(stage, {}).get("url", "the account's page")
            raise ConfigError(f"Approve the new identity at {url} as {user}, then run this again.")
    raise ConfigError("The homeserver wants the account's password for a new identity: set matrix.password.")


async def _sign(server: Homeserver, engine: Engine, standing: Standing, identity: Identity) -> None:
    """Our device by the self-signing key, the master key by our device."""
    user, device_id = engine.user_id, str(engine.device_id)
    signing = identity.keys[SELF]
    device = with_signature(standing.device, user, f"ed25519:{signing.public}", signing.sign(standing.device))
    master = dict(standing.public[MASTER])
    plain = {key: value for key, value in master.items() if key not in {"signatures", "unsigned"}}
    signed = with_signature(plain, user, f"ed25519:{device_id}", engine.machine.sign_json(plain))
    device.pop("unsigned", None)
    await upload_signatures(server, {user: {device_id: device, identity.keys[MASTER].public: signed}})


async def upload_signatures(server: Homeserver, signed: Mapping[str, Mapping[str, Body]]) -> None:
    """Publish signatures.

    Raises:
        ConfigError: the homeserver refuses some; it says so in an answer that looks well.
    """
    answer = await server.ask("POST", path("keys", "signatures", "upload"), signed)
    if failures := answer.get("failures"):
        raise ConfigError(f"The homeserver refuses signatures: {json.dumps(failures)[:300]}.")


def _public(key: Mapping[str, Any]) -> str:
    return next(iter(cast("Body", key.get("keys", {})).values()), "")
