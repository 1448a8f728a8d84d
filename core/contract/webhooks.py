"""What a requester's own server is sent for each finished picture, and the headers that go with it.

Also the secret (ours) that the signature is made with. The signature is `t=<unix time>,v1=<hex>`: HMAC-SHA256 under the
secret over the time, a dot and the body, byte for byte. Deliveries may repeat; the delivery's id stays the same then.
"""

from __future__ import annotations

from pydantic import Field

from core.contract.base import Answer, Text
from core.contract.generate import Metadata

SIGNATURE = "X-Largesse-Signature"
DELIVERY = "X-Largesse-Delivery"
ATTEMPT = "X-Largesse-Attempt"


class WebhookPayload(Answer):
    """One finished picture. `img` is an address, base64, or "N/A"; `kudos` what it cost."""

    img: str
    seed: Text = ""
    worker_id: str = ""
    worker_name: str = ""
    model: str = ""
    id: str
    censored: bool = False
    gen_metadata: list[Metadata] = Field(default_factory=list[Metadata])
    request: str
    """Id of the request that the picture belongs to."""
    kudos: float = 0.0


class WebhookSecret(Answer):
    """Ours: the secret with which deliveries for requests of this key are signed."""

    secret: str = Field(repr=False)
