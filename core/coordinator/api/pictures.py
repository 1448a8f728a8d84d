"""The signed addresses of pictures on disk: GET for clients and workers, PUT for workers; no key is needed.

Where pictures lie in a bucket, their addresses lead there, and nothing is found here.
"""

from __future__ import annotations

from aiohttp import web

from core.coordinator.api.bodies import in_time
from core.coordinator.api.call import Call
from core.coordinator.blobs.disk import DiskBlobs
from core.coordinator.blobs.signer import Access
from core.errors import InvalidRequest, NotFound

_PIECE = 1 << 16
_SMALL = 1 << 18
"""Bytes of a picture up to which it is read whole."""
_CONDITIONS = frozenset({"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"})


async def get(call: Call) -> web.StreamResponse:
    """The picture, whole or a range of it; may be kept by the asker as long as the address is valid."""
    blobs = _disk(call)
    key, left = _opened(call, blobs, Access.GET)
    headers = {
        "Content-Type": "image/webp",
        "Cache-Control": f"private, max-age={left}, immutable",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    try:
        about = blobs.path(key).stat()
    except FileNotFoundError:
        raise NotFound("This picture is not there (any more).", code="PictureNotFound") from None
    if about.st_size > _SMALL or not _CONDITIONS.isdisjoint(call.request.headers):
        return web.FileResponse(blobs.path(key), headers=headers)
    answer = web.Response(body=await blobs.read(key), headers={**headers, "Accept-Ranges": "bytes"})
    answer.last_modified, answer.etag = about.st_mtime, f"{about.st_mtime_ns:x}-{about.st_size:x}"
    return answer


async def put(call: Call) -> web.Response:
    """Keep the body as the picture; 200 and nothing else is what workers take for success."""
    blobs = _disk(call)
    key, _ = _opened(call, blobs, Access.PUT)
    limit = call.rooms.terms.limits.max_body_bytes
    if (call.request.content_length or 1) > limit:
        raise InvalidRequest(f"The picture is larger than {limit} bytes.", code="PictureTooLarge")
    async with in_time(call.rooms.terms.limits.body_seconds):
        await blobs.receive(key, call.request.content.iter_chunked(_PIECE), limit=limit)
    return web.Response(status=200)


def _disk(call: Call) -> DiskBlobs:
    if not isinstance(call.rooms.blobs, DiskBlobs):
        raise NotFound("The pictures of this horde lie elsewhere; ask for the status again.", code="PictureNotFound")
    return call.rooms.blobs


def _opened(call: Call, blobs: DiskBlobs, access: Access) -> tuple[str, int]:
    key = call.part("key")
    left = blobs.check(access, key, expires=call.query("expires"), signature=call.query("signature"))
    return key, left
