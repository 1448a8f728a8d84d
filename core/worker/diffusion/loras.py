"""LoRAs on a loaded model, for as long as one batch takes; afterwards its weights are what they were.

Files of diffusers and of kohya's tools alike. What does not fit the model is noticed here, because the library would
only warn and draw the picture without.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from core import log
from core.errors import ModelUnusable
from core.worker.diffusion.libraries import Foreign
from core.worker.diffusion.weights import check_file
from core.worker.renderer import LoraUse, Unused

_NETWORKS = ("unet", "text_encoder", "text_encoder_2")
_AGAINST_WEIGHTS = (ValueError, LookupError, TypeError, AttributeError, RuntimeError, NotImplementedError)
_SIDES = (".lora_A.", ".lora_B.", ".lora.down.", ".lora.up.")
_logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of putting LoRAs or textual inversions on.

    Attributes:
        unused: those that were left out.
        notes: for the pictures' metadata.
    """

    unused: list[Unused] = field(default_factory=list[Unused])
    notes: dict[str, str] = field(default_factory=dict[str, str])


@contextmanager
def worn(pipe: Foreign, loras: Sequence[LoraUse]) -> Generator[Outcome]:
    """Let the pipeline's networks wear these LoRAs while inside; those that cannot be used are left out and said."""
    outcome = Outcome()
    if not loras:
        yield outcome
        return
    names: list[str] = []
    strengths: list[dict[str, float]] = []
    try:
        for number, lora in enumerate(loras):
            name = f"lora_{number}"
            if networks := _put_on(pipe, lora, name, outcome):
                names.append(name)
                strengths.append({part: lora.model if part == "unet" else lora.clip for part in networks})
        if names:
            pipe.set_adapters(names, strengths)
        yield outcome
    finally:
        pipe.unload_lora_weights()


def _put_on(pipe: Foreign, lora: LoraUse, name: str, outcome: Outcome) -> list[str]:
    """The networks that wear it now; none when it was left out."""
    try:
        check_file(lora.path, lora.name)
        weights = load_file(lora.path)
    except (ModelUnusable, SafetensorError, OSError) as error:
        _leave_out(lora, outcome, "parse_failed", str(error))
        return []
    try:
        asked = _asked(pipe, weights)
        pipe.load_lora_weights(dict(weights), adapter_name=name)
    except _AGAINST_WEIGHTS as error:
        _take_off(pipe, name)
        _leave_out(lora, outcome, "baseline_mismatch", str(error))
        return []
    found = {part: _wearing(getattr(pipe, part, None), name) for part in _NETWORKS}
    fitting = sum(map(len, found.values()))
    if not fitting:
        _take_off(pipe, name)
        _leave_out(lora, outcome, "baseline_mismatch", "none of its weights belongs to a part of the model")
        return []
    if fitting < asked:
        outcome.notes[f"lora_{lora.name}"] = f"fits in part only: {fitting} of {asked} of its weights"
    return [part for part, layers in found.items() if layers]


def _leave_out(lora: LoraUse, outcome: Outcome, why: str, reason: str) -> None:
    _logger.warning("lora_left_out", lora=lora.name, why=why, reason=reason[:300])
    outcome.unused.append(Unused("lora", lora.name, "parse_failed" if why == "parse_failed" else "baseline_mismatch"))


def _asked(pipe: Foreign, weights: dict[str, Tensor]) -> int:
    """How many layers the file has something for, whatever its makers call them."""
    converted = pipe.lora_state_dict(dict(weights))
    names: set[str] = set()
    for key in converted[0] if isinstance(converted, tuple) else converted:
        for side in _SIDES:
            head, found, _ = key.partition(side)
            if found:
                names.add(head)
    return len(names)


def _wearing(network: nn.Module | None, name: str) -> list[str]:
    """The layers of a network that have this LoRA."""
    if network is None:
        return []
    return [path for path, layer in network.named_modules() if name in getattr(layer, "lora_A", ())]


def _take_off(pipe: Foreign, name: str) -> None:
    """Remove what a failed loading has left behind."""
    for part in _NETWORKS:
        network = getattr(pipe, part, None)
        if network is not None and name in getattr(network, "peft_config", {}):
            network.delete_adapters([name]) if hasattr(network, "delete_adapters") else network.delete_adapter(name)
