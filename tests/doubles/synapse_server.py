"""A real Synapse on loopback for a whole test process; no double, the homeserver itself."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from adapters.matrix.homestead import Account
from adapters.matrix.homestead import Synapse as SynapseServer

__all__ = ["Account", "SynapseServer", "synapse"]


@functools.cache
def synapse() -> SynapseServer:
    """The homeserver of this process, started for the first who asks and ended with the process."""
    folder = Path(tempfile.mkdtemp(prefix="synapse-"))
    server = SynapseServer(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.kill)
    server.start()
    return server
