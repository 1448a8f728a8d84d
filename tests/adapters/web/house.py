"""The whole system with the chat page, in a thread, for tests that look at it from a browser."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from adapters.web.platform import Web
from tests.flow.whole import PATIENCE, whole

ROOMS = ("lobby", *(f"room-{number}" for number in range(1, 30)))


class Running:
    """Coordinator, worker with test patterns, bots and page; `url` ends without a slash."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self.failed: BaseException | None = None
        self._folder = folder
        self._ready, self._loop, self._stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="house", daemon=True)
        self._rooms = iter(ROOMS[1:])

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(PATIENCE * 2), "the house did not start"
        if self.failed:
            raise self.failed

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)

    def room(self) -> str:
        """A room where nobody has been."""
        return next(self._rooms)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._live())
        except BaseException as error:  # noqa: BLE001  # the test that waits for it raises it again
            self.failed = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _live(self) -> None:
        async with whole(self._folder) as system:
            page = Web(
                host="127.0.0.1", port=0, secret=SecretStr(""), rooms=ROOMS,
                max_upload_bytes=1_000_000, data_dir=self._folder,
            )  # fmt: skip
            self.url = page.url.rstrip("/")
            asyncio.get_running_loop().call_later(0.3, self._ready.set)
            await system.dispatch.listen(page, until=self._stop, drain=2.0)


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """A house for a block."""
    house = Running(folder)
    house.start()
    try:
        yield house
    finally:
        house.stop()
