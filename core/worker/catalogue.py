"""The models a worker may offer: reads `config/models.toml` and makes an entry's files ready.

`pool` asks for the entries its settings name; the entries travel to the renderer in its device process.
"""

from __future__ import annotations

from core.worker.renderer import Family, Form, ModelEntry

__all__ = ["Family", "Form", "ModelEntry"]
