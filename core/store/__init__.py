"""The bots' memory in a database of their own: events, messages, people, requests. It survives restarts.

Implements the protocol of `core.chat.memory` with primitive types only; the conversations' requests are kept here, too.
"""

from core.store.memory import Store
from core.store.requests import RequestRow

__all__ = ["RequestRow", "Store"]
