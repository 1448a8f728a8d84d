"""The chat server behind the page: what other platforms have at their own end of the wire.

history: what was said, on disk · album: the pictures · door: who may come in, and everything HTTP · static: the page.
It knows no conversation and no port; `adapters.web` beside it speaks to it as any adapter does to its platform.
"""

NAME, BOT = "web", "largesse"
