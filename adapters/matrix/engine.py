"""nio's client as we use it: its encryption and its picture of the rooms, not its loop and not its sends.

The homeserver's answers come in through `take`, what goes into a room leaves through `seal`. An event that nobody could
have sent in good faith is dropped here with a line in the log; it must not end the loop.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import aiohttp
from nio import (
    Api,
    AsyncClient,
    AsyncClientConfig,
    EncryptionError,
    ErrorResponse,
    Event,
    KeysUploadError,
    KeysUploadResponse,
    LocalProtocolError,
    MatrixRoom,
    MegolmEvent,
    SyncResponse,
    ToDeviceEvent,
)
from nio.crypto import Olm, OlmDevice
from nio.store import SqliteStore

from adapters.matrix.session import Session
from core import log
from core.chat.port import SendFailed, SendRefused
from core.errors import ConfigError

MEGOLM = "m.megolm.v1.aes-sha2"
_ODD = (ValueError, KeyError, TypeError, AttributeError, EncryptionError, LocalProtocolError)
"""What nio and vodozemac raise on what nobody could have sent in good faith."""

logger = log.get(__name__)


class Engine(AsyncClient):
    """One device: its keys, the rooms it is in, who is there.

    Raises:
        ConfigError: its store cannot be opened, so that nothing could be encrypted.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        logging.getLogger("nio").setLevel(logging.ERROR)  # it writes whole answers of the homeserver into its log
        config = AsyncClientConfig(
            store=SqliteStore,
            store_name="device.db",
            pickle_key=session.pickle_key,
            max_limit_exceeded=0,
            max_timeouts=0,
            request_timeout=30,
        )
        super().__init__(session.homeserver, session.user_id, session.device_id, str(folder), config)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self.restore_login(session.user_id, session.device_id, session.access_token)
        except (ValueError, OSError) as error:
            raise ConfigError(f"The encryption keys in {folder} cannot be opened ({type(error).__name__}).") from error
        if self.olm is None:
            raise ConfigError("Encryption is not available: install it with: pip install '.[matrix]'.")
        self.olm.handle_key_verification = _leave_to_us
        self._sealing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._settling = asyncio.Lock()

    @property
    def machine(self) -> Olm:
        """The device's encryption."""
        assert self.olm is not None  # noqa: S101  # the constructor refuses to be without
        return self.olm

    async def take(self, answer: Mapping[str, Any]) -> SyncResponse:
        """Let nio see an answer of the sync; what it can read in it is decrypted in the result.

        Raises:
            SendFailed: the answer is none that the specification knows.
        """
        rooms = answer.get("rooms", {})
        # nio empties what it reads of these two
        account, invited = copy.deepcopy((answer.get("account_data", {}), rooms.get("invite", {})))
        mine = {**answer, "account_data": account, "rooms": {**rooms, "invite": invited}}
        response = SyncResponse.from_dict(mine)
        if not isinstance(response, SyncResponse):
            raise SendFailed("The homeserver's answer to the sync is not one.")
        await self.receive_response(response)
        return response

    def opened(self, source: Mapping[str, Any], room: str) -> Event | None:
        """An encrypted event, read; None = its key is missing or it is broken."""
        event = Event.parse_event(dict(source))
        if not isinstance(event, MegolmEvent):
            return None
        try:
            found = self.machine.decrypt_megolm_event(event, room)
        except _ODD:
            return None
        return found if isinstance(found, Event) else None

    async def seal(self, room_id: str, kind: str, content: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Type and content as they may leave for a room: encrypted where the room is, else as they are.

        Raises:
            SendRefused: we are not in that room, or it is encrypted in a way nobody here knows.
            SendFailed: keys could not be exchanged; nothing may be sent now.
        """
        room = self.rooms.get(room_id)
        if room is None:
            raise SendRefused("I am not in that room any more.")
        if not room.encrypted:
            return kind, content
        try:
            async with self._sealing[room_id], asyncio.timeout(60):
                await self._share(room)
                return cast("tuple[str, dict[str, Any]]", self.encrypt(room_id, kind, content))
        except (aiohttp.ClientError, TimeoutError, EncryptionError, LocalProtocolError) as error:
            raise SendFailed(f"Keys could not be exchanged ({type(error).__name__}).") from error

    async def settle(self) -> None:
        """Do the chores of encryption: publish keys, look up devices, open sessions, send what waits for devices.

        Raises:
            SendFailed: the homeserver did not do its part; it is tried again after the next sync.
        """
        async with self._settling:
            try:
                if self.should_upload_keys:
                    _check(await self.keys_upload())
                if self.should_query_keys:
                    _check(await self.keys_query())
                if self.should_claim_keys:
                    _check(await self.keys_claim(dict(self.get_users_for_key_claiming())))
                for sent in await self.send_to_device_messages():
                    _check(sent)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise SendFailed(f"Keys could not be exchanged ({type(error).__name__}).") from error

    async def keys_upload(self) -> KeysUploadResponse | KeysUploadError:
        """Publish keys. They are saved first: the homeserver must never know keys that a crash made us forget."""
        keys = self.machine.share_keys()
        self.machine.save_account()
        method, path, data = Api.keys_upload(self.access_token, keys)
        sent = await self._send(KeysUploadResponse, method, path, data)
        return cast("KeysUploadResponse | KeysUploadError", sent)

    async def _share(self, room: MatrixRoom) -> None:
        """Everybody in the room gets the key of what is said next."""
        if not room.members_synced:
            _check(await self.joined_members(room.room_id))
        if self.should_query_keys:
            async with self._settling:
                if self.should_query_keys:
                    _check(await self.keys_query())
        if not self.machine.should_share_group_session(room.room_id):
            return
        shared = _check(await self.share_group_session(room.room_id, ignore_unverified_devices=True))
        missed = self._reachable(room) - cast("set[tuple[str, str]]", getattr(shared, "users_shared_with", set()))
        if missed:
            self.machine.outbound_group_sessions.pop(room.room_id, None)
            raise SendFailed(f"{len(missed)} devices did not get their key.")

    def _reachable(self, room: MatrixRoom) -> set[tuple[str, str]]:
        devices: list[OlmDevice] = [
            each
            for user in room.users
            for each in self.device_store.active_user_devices(user)
            if each.device_id != self.device_id and not each.blacklisted
        ]
        known = self.machine.session_store
        return {(each.user_id, each.device_id) for each in devices if known.get(each.curve25519)}

    def _handle_decrypt_to_device(self, to_device_event: ToDeviceEvent) -> ToDeviceEvent | None:
        try:
            return super()._handle_decrypt_to_device(to_device_event)
        except _ODD as error:
            logger.info("device_message_dropped", reason=repr(error))
            return None

    def _handle_timeline_event(
        self,
        event: Any,  # noqa: ANN401  # as nio has it
        room_id: str,
        room: MatrixRoom,
        encrypted_rooms: set[str],  # as nio has it
    ) -> Any:  # noqa: ANN401  # as nio has it
        try:
            return super()._handle_timeline_event(event, room_id, room, encrypted_rooms)
        except _ODD as error:
            logger.info("event_dropped", room=room_id, reason=repr(error))
            return None


def _leave_to_us(event: object) -> None:
    """Nio's own verification fails with every real client, and answers without being asked; `verifying` does it."""
    del event


def _check(answer: object) -> object:
    if isinstance(answer, ErrorResponse):
        raise SendFailed(f"The homeserver did not exchange keys ({answer.status_code or 'no reason'}).")
    return answer
