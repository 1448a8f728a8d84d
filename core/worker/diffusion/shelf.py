"""The models that are ready on the device; the least recently used one goes when a new one needs its room."""

from __future__ import annotations

import gc
from collections import OrderedDict

from core import log
from core.errors import ModelUnusable, OutOfMemory
from core.worker.diffusion import loading
from core.worker.diffusion.libraries import release_cached
from core.worker.diffusion.loading import Loaded
from core.worker.renderer import ModelEntry

_MOST = 8
_logger = log.get(__name__)


class Shelf:
    """Loaded models of one device, by name.

    Args:
        device: "cpu", "cuda:0", …
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._models: OrderedDict[str, Loaded] = OrderedDict()

    def load(self, entry: ModelEntry) -> Loaded:
        """The model of this entry, read from disk unless it is here; others go as long as memory lacks.

        Raises:
            ModelUnusable: its files cannot be used.
            OutOfMemory: it does not fit even alone.
        """
        known = self._models.get(entry.name)
        if known is not None and known.entry == entry:
            return self.get(entry.name)
        self._drop(entry.name)
        while len(self._models) >= _MOST:
            self.drop_oldest()
        loaded = self._load_with_room(entry)
        self._models[entry.name] = loaded
        _logger.info("model_loaded", model=entry.name, device=self._device, megabytes=round(loaded.size / 1e6, 1))
        return loaded

    def get(self, name: str) -> Loaded:
        """A loaded model, now the most recently used.

        Raises:
            ModelUnusable: it is not loaded.
        """
        if name not in self._models:
            raise ModelUnusable(f"The model {name!r} is not loaded.")
        self._models.move_to_end(name)
        return self._models[name]

    def drop_oldest(self) -> bool:
        """Put the least recently used model away; False when there is none."""
        if not self._models:
            return False
        self._drop(next(iter(self._models)))
        return True

    def keep_only(self, name: str) -> bool:
        """Put all models but this one away, to make room for its work; False when there are no others."""
        others = [model for model in self._models if model != name]
        for other in others:
            self._drop(other)
        return bool(others)

    def clear(self) -> None:
        """Put all models away."""
        while self.drop_oldest():
            pass

    def _load_with_room(self, entry: ModelEntry) -> Loaded:
        while True:
            try:
                return loading.load(entry, self._device)
            except OutOfMemory:
                if not self.drop_oldest():
                    raise

    def _drop(self, name: str) -> None:
        if self._models.pop(name, None) is not None:
            gc.collect()  # pipelines hold themselves in cycles
            release_cached()
            _logger.info("model_put_away", model=name, device=self._device)
