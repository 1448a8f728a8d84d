"""The conversations: one module for each thing a person can do, whatever the platform.

`run_bot.py` hands `REPERTOIRE` to the dispatcher and to every adapter.
"""

from bots import account, again, help, imagine, link, settings, status, stop, styles, tip, workers  # noqa: A004  # a conversation of its own
from core.chat.command import Repertoire

REPERTOIRE = Repertoire(imagine, again, stop, status, styles, account, link, tip, workers, settings, help)
