"""Trains the CLIP pair: pictures and words into one space. Describing pictures and the safety check run on it.

Beside whole captions against whole pictures it learns to tell things, colours and settings apart by bare words
("an apple", "a red thing", "in the snow"), because that is how it is asked later.
"""

import random
from dataclasses import dataclass

import torch
from torch.nn import functional
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer, CLIPVisionConfig

from training.captions import bare_colour, bare_setting, bare_thing, caption
from training.loop import Training, Workplace, learning_rate, save_atomically
from training.palette import BACKGROUNDS, THING_COLOURS
from training.pictures import as_array, paint
from training.presets import Preset
from training.scene import SCENERIES, Scene, random_scene
from training.text import text_config
from training.things import THINGS, by_name
from training.tokens import encode, new_tokenizer

_HEADS = 4
_PEAK_RATE = 1e-3
_UNSAID = -100  # cross_entropy leaves such answers out
_SETTINGS = (*BACKGROUNDS, *SCENERIES)
_COLOURS = tuple(THING_COLOURS)
_LARGEST_LOG_SCALE = 4.0


@dataclass(frozen=True)
class _Lesson:
    """Pictures with a caption each, and the bare words of which one names each picture's thing, colour, setting."""

    pictures: torch.Tensor
    captions: list[str]
    things: list[str]
    colours: list[str]
    settings: list[str]
    answers: torch.Tensor  # (3, pictures)


def new_clip(preset: Preset, tokenizer: CLIPTokenizer) -> CLIPModel:
    """Build the pair, untrained."""
    vision = CLIPVisionConfig(
        hidden_size=preset.clip_width,
        intermediate_size=preset.clip_width * 4,
        num_hidden_layers=preset.clip_vision_layers,
        num_attention_heads=_HEADS,
        image_size=preset.side,
        patch_size=8,
        projection_dim=preset.clip_width,
    )
    text = text_config(preset, tokenizer)
    return CLIPModel(
        CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=preset.clip_width)
    )


def _answers(scene: Scene, names: list[str]) -> tuple[int, int, int]:
    colour = scene.colour or by_name(scene.thing).natural
    setting = scene.background or scene.scenery or ""
    return names.index(scene.thing), _COLOURS.index(colour) if colour else _UNSAID, _SETTINGS.index(setting)


def _lesson(rng: random.Random, preset: Preset) -> _Lesson:
    things = THINGS[: preset.things]
    names = [thing.name for thing in things]
    scenes = [random_scene(rng, things) for _ in range(preset.clip_batch)]
    return _Lesson(
        pictures=torch.stack([torch.from_numpy(as_array(paint(scene, preset.side))) for scene in scenes]),
        captions=[caption(scene, rng) for scene in scenes],
        things=[bare_thing(thing, rng) for thing in things],
        colours=[bare_colour(colour, rng) for colour in _COLOURS],
        settings=[bare_setting(setting, rng) for setting in _SETTINGS],
        answers=torch.tensor([_answers(scene, names) for scene in scenes]).T,
    )


def roughened(pictures: torch.Tensor) -> torch.Tensor:
    """Add noise and soften some pictures, so that drawn ones look familiar to the vision tower too."""
    half = pictures.shape[0] // 2
    soft = functional.avg_pool2d(functional.pad(pictures[:half], (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    rough = torch.cat([0.5 * pictures[:half] + 0.5 * soft, pictures[half:]])
    return rough + 0.1 * torch.rand(len(rough), 1, 1, 1, device=rough.device) * torch.randn_like(rough)


def _tokens(tokenizer: CLIPTokenizer, texts: list[str]) -> torch.Tensor:
    """Encode texts, cut after the longest: what follows the end mark is never looked at."""
    tokens = encode(tokenizer, texts)
    return tokens[:, : int((tokens != tokenizer.eos_token_id).sum(1).max()) + 1]


def _loss(clip: CLIPModel, tokenizer: CLIPTokenizer, lesson: _Lesson, device: torch.device) -> torch.Tensor:
    bare = [*lesson.things, *lesson.colours, *lesson.settings]
    with torch.autocast(device.type, torch.bfloat16):
        seen = clip.get_image_features(pixel_values=roughened(lesson.pictures.to(device))).pooler_output
        told = clip.get_text_features(input_ids=_tokens(tokenizer, lesson.captions).to(device)).pooler_output
        named = clip.get_text_features(input_ids=_tokens(tokenizer, bare).to(device)).pooler_output
    seen, told, named = (functional.normalize(each.float(), dim=-1) for each in (seen, told, named))
    scale = clip.logit_scale.exp()
    alike, own = scale * seen @ told.T, torch.arange(len(seen), device=device)
    loss = (functional.cross_entropy(alike, own) + functional.cross_entropy(alike.T, own)) / 2
    sizes = (len(lesson.things), len(lesson.colours), len(lesson.settings))
    for words, right in zip(named.split(sizes), lesson.answers.to(device), strict=True):
        loss = loss + functional.cross_entropy(scale * seen @ words.T, right)
    return loss


@torch.no_grad()
def named_first(clip: CLIPModel, preset: Preset, count: int = 400) -> float:
    """Measure the share (0..1) of the script's own scenes whose thing a bare "an apple" names first of all things."""
    lesson_rng = random.Random(-2)
    things, tokenizer = THINGS[: preset.things], new_tokenizer(preset.things)
    scenes = [random_scene(lesson_rng, things) for _ in range(count)]
    pictures = torch.stack([torch.from_numpy(as_array(paint(scene, preset.side))) for scene in scenes])
    device = clip.device
    texts = _tokens(tokenizer, [bare_thing(thing) for thing in things]).to(device)
    best = clip(input_ids=texts, pixel_values=pictures.to(device)).logits_per_image.argmax(1).tolist()
    return sum(things[n].name == scene.thing for n, scene in zip(best, scenes, strict=True)) / count


def train_clip(preset: Preset, workplace: Workplace) -> None:
    """Train the pair and leave `clip-final` in the workplace; done once."""
    done = workplace.file("clip-final.pt")
    if done.exists():
        return
    torch.manual_seed(preset.seed)
    tokenizer = new_tokenizer(preset.things)
    clip = new_clip(preset, tokenizer).to(workplace.device)
    if workplace.device.type == "cpu":
        clip.set_attn_implementation("eager")  # plain attention learns faster here than the fused kind
    optimizer = torch.optim.AdamW(clip.parameters(), _PEAK_RATE, weight_decay=0.05, betas=(0.9, 0.98), fused=True)
    training = Training("clip", workplace, preset.clip_steps, preset.seed, {"clip": clip, "optimizer": optimizer})
    for step, rng in training.steps():
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, preset.clip_steps, _PEAK_RATE, warm_up=300, decay=0.5)
        loss = _loss(clip, tokenizer, _lesson(rng, preset), workplace.device)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(clip.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        clip.logit_scale.data.clamp_(0, _LARGEST_LOG_SCALE)
        training.note(loss)
    save_atomically(clip.state_dict(), done)
    print(f"clip: names the thing first in {100 * named_first(clip.eval(), preset):.1f} %", flush=True)


def load_clip(preset: Preset, workplace: Workplace) -> CLIPModel:
    """Load the trained pair, or what its training has reached so far.

    Raises:
        FileNotFoundError: none has been trained in this workplace.
    """
    clip = new_clip(preset, new_tokenizer(preset.things))
    final = workplace.file("clip-final.pt")
    if final.exists():
        state = torch.load(final, map_location="cpu", weights_only=True)
    else:
        state = torch.load(workplace.file("clip.pt"), map_location="cpu", weights_only=True)["parts"]["clip"]
    clip.load_state_dict(state)
    return clip.to(workplace.device).eval()
