"""What a renderer is: the values that go in and out of it, and the three verbs it has to know.

Implemented by `core.worker.fake` and `core.worker.diffusion`, run by `core.worker.device` inside a process of its own,
one per device. Everything here can be pickled, because it travels through a pipe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol


class Family(StrEnum):
    """The architecture of a model, which decides how its files are read."""

    SD1 = "sd1"
    """Stable Diffusion 1.x and everything shaped like it, the little model included."""
    SD2 = "sd2"
    """Stable Diffusion 2.x."""
    SDXL = "sdxl"
    """Stable Diffusion XL, its Turbo and Lightning kinds, SSD-1B."""
    SD3 = "sd3"
    """Stable Diffusion 3 and 3.5."""
    FLUX = "flux"
    """Flux.1 and its kin."""
    OTHER = "other"
    """Any other diffusers folder whose model_index.json says how it is put together."""


class Form(StrEnum):
    """How a model's weights lie on the disk."""

    FOLDER = "folder"
    """A diffusers folder with a model_index.json."""
    FILE = "file"
    """One checkpoint file, .safetensors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model of the catalogue, as `config/models.toml` has it.

    Attributes:
        name: what clients ask for; unique in the catalogue.
        family: the architecture.
        form: a folder or a single file.
        path: where it lies on this disk, or will lie once it is fetched.
        hub: repository on the model hub, "owner/name"; empty = not from there.
        url: https address of the single file; empty = not from there.
        revision: branch, tag or commit of the hub repository; empty for local models and plain addresses.
        sha256: file (relative to `path`; "" = the single file itself) → 64 hex digits. May be empty.
        native_size: side in pixels that the model was trained for.
        baseline: the name of its architecture on the wire, e.g. "stable diffusion 1", "stable_diffusion_xl".
        licence: short name of the weights' licence, for people.
        size: bytes on disk, roughly; checked against free space before a download. 0 = unknown.
        variant: kind of the weight files to take from a hub repository, e.g. "fp16"; empty = the plain ones.
    """

    name: str
    family: Family
    form: Form
    path: Path
    hub: str = ""
    url: str = ""
    revision: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict[str, str])
    native_size: int = 512
    baseline: str = ""
    licence: str = ""
    size: int = 0
    variant: str = ""


@dataclass(frozen=True, slots=True)
class LoraUse:
    """A LoRA that a picture is to be drawn with.

    Attributes:
        name: as it was asked for.
        path: its .safetensors file on this disk.
        model: how strongly it acts on the network that draws, -5 to 5.
        clip: the same for the text encoders.
    """

    name: str
    path: Path
    model: float = 1.0
    clip: float = 1.0


@dataclass(frozen=True, slots=True)
class EmbeddingUse:
    """A textual inversion that the words of a picture's prompt use.

    Attributes:
        name: as it was asked for.
        path: its file on this disk.
        token: how the prompts spell it.
    """

    name: str
    path: Path
    token: str


@dataclass(frozen=True, slots=True)
class Unused:
    """Something that was asked for and left out.

    Attributes:
        kind: "lora" or "ti".
        name: as it was asked for.
        why: "download_failed" (it is not to be had), "parse_failed" or "baseline_mismatch" (made for other models).
    """

    kind: Literal["lora", "ti"]
    name: str
    why: Literal["download_failed", "parse_failed", "baseline_mismatch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawJob:
    """One picture to draw.

    Attributes:
        id: the coordinator's name for it.
        model: name of a loaded model.
        prompt: the positive part.
        negative_prompt: what followed `###`; may be empty.
        width: pixels, a multiple of 64 on the wire.
        height: pixels.
        steps: sampling steps, ≥ 1.
        sampler: a name of the contract, e.g. "k_euler_a".
        karras: noise schedule after Karras, where the sampler has it.
        cfg_scale: guidance, 0 to 100.
        seed: usually below 2**32; any non-negative integer below 2**63.
        clip_skip: 1 = the last layer of the text encoder, 2 = the one before it, …
        tiling: the picture's edges fit each other.
        denoising_strength: 0.01 to 1, how much of the source is redrawn; None = the renderer's default.
        hires_fix: draw at native size first, then enlarge and refine.
        hires_denoising_strength: 0.01 to 1 for that second pass; None = the renderer's default.
        source_image: encoded picture (webp, png or jpeg); None = from nothing.
        source_mask: encoded picture, white = redraw; None = none.
        source_processing: "img2img", "inpainting", "outpainting" or "remix"; matters with a source only.
        censor_nsfw: the requester wants NSFW pictures covered.
        loras: in the order in which they were asked for.
        embeddings: textual inversions; their tokens stand in the prompts already.
        unused: what was left out before the job came here.
    """

    id: str
    model: str
    prompt: str
    negative_prompt: str = ""
    width: int = 512
    height: int = 512
    steps: int = 30
    sampler: str = "k_euler_a"
    karras: bool = True
    cfg_scale: float = 5.0
    seed: int = 0
    clip_skip: int = 1
    tiling: bool = False
    denoising_strength: float | None = None
    hires_fix: bool = False
    hires_denoising_strength: float | None = None
    source_image: bytes | None = field(default=None, repr=False)
    source_mask: bytes | None = field(default=None, repr=False)
    source_processing: str = "img2img"
    censor_nsfw: bool = False
    loras: tuple[LoraUse, ...] = ()
    embeddings: tuple[EmbeddingUse, ...] = ()
    unused: tuple[Unused, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One finished picture.

    Attributes:
        job_id: the job it answers.
        picture: webp file with its parameters inside (`core.worker.provenance`).
        width: pixels of the picture as it is, which may differ from what was asked.
        height: pixels.
        seed: the seed it was drawn with.
        metadata: notes for the requester (name → value), e.g. {"native_size": "64x64", "scaled": "lanczos"}.
        censored: it was covered, because it was NSFW and not wanted so.
        unused: LoRAs and textual inversions that were asked for and left out.
    """

    job_id: str
    picture: bytes = field(repr=False)
    width: int
    height: int
    seed: int
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    censored: bool = False
    unused: tuple[Unused, ...] = ()


OnStep = Callable[[int, int], None]
"""Called with (steps done so far, all steps) after each step of the whole batch; cheap, never blocks."""

OnPreview = Callable[[str, bytes], None]
"""Called with a job id and a small webp file of how its picture looks by now; cheap, never blocks."""

Wanted = Callable[[str], bool]
"""Called with a job id: is the picture still wanted? Cheap, so ask before every step."""


class Renderer(Protocol):
    """Draws pictures on one device. Lives in the main thread of one process and is never called twice at once.

    Constructed as `Class(device, threads)`: device is "cpu", "cuda:0", "mps" …; threads is the number of CPU threads to
    use, 0 = as many as there are cores. May have a static `devices() -> list[str]` that names what "auto" stands for
    on this machine, best first; without it "auto" means "cpu".
    """

    def __init__(self, device: str, threads: int) -> None: ...

    def load(self, model: ModelEntry) -> None:
        """Make a model ready to draw. Others may be kept or put away, as memory allows; loading it again is cheap.

        Raises:
            ModelUnusable: its files are missing, damaged or not what they should be; names the file.
            OutOfMemory: the device is too small for it.
        """
        ...

    def draw(
        self, jobs: Sequence[DrawJob], *, on_step: OnStep, wanted: Wanted, on_preview: OnPreview | None = None
    ) -> Sequence[Drawn]:
        """Draw a batch of compatible jobs (`core.worker.batcher`): only text and seed differ.

        Each picture is what it would have been alone, and what it would have been without previews (None = no previews
        are wanted). A job that is no longer wanted is left out of the answer.

        Raises:
            RenderError: none of them could be drawn. OutOfMemory: a smaller batch may work.
        """
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...
