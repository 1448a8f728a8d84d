"""Asking the horde for pictures: a wish becomes an order, an order a ticket, a ticket pictures.

`bots/imagine.py` stands above, `core.house` (client, styles, limits) below. `take_order` says what will be asked for,
`fulfil` brings it to its end, also after a restart.
"""

from core.generation.order import MOST_GUIDANCE, SAMPLERS, Order, Wish, read_sampler, take_order
from core.generation.progress import Glimpse, Stage, duration
from core.generation.sizes import SHAPE_WORDS, Size
from core.generation.sources import Source, read_source
from core.generation.ticket import Notebook, Ticket
from core.generation.track import Drawn, Outcome, fulfil

__all__ = [
    "MOST_GUIDANCE",
    "SAMPLERS",
    "SHAPE_WORDS",
    "Drawn",
    "Glimpse",
    "Notebook",
    "Order",
    "Outcome",
    "Size",
    "Source",
    "Stage",
    "Ticket",
    "Wish",
    "duration",
    "fulfil",
    "read_sampler",
    "read_source",
    "take_order",
]
