"""The only speaker of API v2: bots ask through it and workers work through it, against ours or any AI Horde.

`horde` has the verbs, `transport` sends them (retries, time limits, budget), `pictures` fetches what they point at,
`faults` turns refusals into `core.errors`.
"""

from core.client.horde import HordeClient
from core.client.transport import Patience

__all__ = ["HordeClient", "Patience"]
