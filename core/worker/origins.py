"""Where files of catalogues come from, as people write it: this disk, the model hub, or an https address.

Shared by `catalogue` (models) and `addons` (LoRAs, textual inversions).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_HUB = "hub:"


@dataclass(frozen=True, slots=True)
class Origin:
    """One source, read.

    Attributes:
        path: where it lies on this disk, or will lie once it is fetched.
        file: it is a single file, not a folder.
        hub: repository on the model hub, "owner/name"; empty = not from there.
        url: https address of the file; empty = not from there.
    """

    path: Path
    file: bool
    hub: str = ""
    url: str = ""


def read(source: str, *, name: str, revision: str, downloads: Path, endings: tuple[str, ...]) -> Origin:
    """Read a source.

    Args:
        source: a path of this disk, "hub:owner/name[/file]" or an https address.
        name: what it is called in the catalogue; names its folder among the downloads.
        revision: branch, tag or commit of a hub repository; may be empty.
        downloads: folder for what comes from elsewhere.
        endings: of single files that are let in, e.g. ".safetensors".

    Raises:
        ValueError: it is none of these; says what is allowed.
    """
    mark = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{name}@{revision}" if revision else name)
    if source.startswith(_HUB):
        owner, _, rest = source.removeprefix(_HUB).partition("/")
        repository, _, inside = rest.partition("/")
        if not owner or not repository or "/" in inside:
            raise ValueError("hub:owner/name or hub:owner/name/file.safetensors")
        path = downloads / mark / inside if inside else downloads / mark
        return Origin(path, _is_file(inside, endings), hub=f"{owner}/{repository}")
    if source.startswith(("https://", "http://")):
        file = source.split("?", maxsplit=1)[0].rsplit("/", 1)[-1]
        if not file.endswith(endings):
            raise ValueError(f"an address that ends in the name of a {' or '.join(endings)} file")
        return Origin(downloads / mark / file, file=True, url=source)
    if ":" in source.split("/", maxsplit=1)[0]:
        raise ValueError("a path, hub:owner/name or an https address")
    return Origin(Path(source), _is_file(source, endings))


def _is_file(source: str, endings: tuple[str, ...]) -> bool:
    if not source or not Path(source).suffix or Path(source).is_dir():
        return False
    if not source.endswith(endings):
        raise ValueError(f"a folder or a {' or '.join(endings)} file (other kinds can carry programs)")
    return True
