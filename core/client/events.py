"""Takes a stream of server-sent events apart: lines in, names and data out; used by `horde` for what a horde tells."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator


async def told(lines: AsyncIterator[bytes]) -> AsyncGenerator[tuple[str, str], None]:
    """Name and data of each event; comments and fields that nobody needs are passed over.

    An event that the stream broke off in the middle of is not told.
    """
    name, data = "message", list[str]()
    async for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        field, _, value = line.partition(":")
        if line == "":
            if data:
                yield name, "\n".join(data)
            name, data = "message", []
        elif field == "event":
            name = value.removeprefix(" ")
        elif field == "data":
            data.append(value.removeprefix(" "))
