"""Scenes in words, in the varied forms people type; feeds the text towers of `clip` and `unet`.

The ordinary case goes unsaid (natural colour, centre, medium size, one), so that a plain "apple" means exactly that.
"""

import random
import string

from training.palette import COLOUR_WORDS
from training.scene import Scene
from training.things import Thing, by_name

_PREFIXES = ("a picture of", "a drawing of", "an emoji of", "an icon of", "an image of", "a photo of", "a painting of")
_SUFFIXES = (
    "cute",
    "digital art",
    "high quality",
    "highly detailed",
    "simple",
    "colourful",
    "colorful",
    "clean",
    "flat",
)
# Words of prompts that no picture here shows but people do write: they must be known, and change nothing.
# fmt: off
_EVERYDAY = (
    "and", "or", "of", "to", "for", "my", "your", "this", "that", "very", "nice", "beautiful", "please", "draw",
    "me", "by", "oil painting", "watercolour", "watercolor", "sketch", "pencil", "anime", "manga", "pixel art",
    "photo", "realistic", "detailed", "sharp", "soft", "light", "dark", "bright colours", "style", "portrait",
    "landscape", "render", "cartoon", "logo", "sticker", "masterpiece", "best quality", "lovely", "happy", "funny",
    "shiny", "modern", "vintage", "4k",
)
# fmt: on
_SIZE_WORDS = {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")}
_COUNT_WORDS = {2: ("two", "2", "a pair of", "two"), 3: ("three", "3", "three")}
_SCENERY_WORDS = {
    "grass": ("on the grass", "on grass", "in a meadow", "in a field", "in the garden"),
    "beach": ("on the beach", "at the beach", "on the sand"),
    "night": ("at night", "in the night", "under the stars", "in space"),
    "sunset": ("at sunset", "in the evening", "at dawn"),
    "snow": ("in the snow", "in winter", "on the ice"),
    "sea": ("in the sea", "in the ocean", "under water", "underwater"),
}
_PLACE_FORMS = ("on the {}", "at the {}", "in the {}", "{}")
_CORNER_FORMS = ("in the {} corner", "in the {}", "at the {}", "{}")
_CENTRE_FORMS = ("in the middle", "in the centre", "in the center")
_BACKGROUND_FORMS = (
    "on a {} background",
    "on a {} background",
    "on a {} background",
    "on {} background",
    "with a {} background",
    "in front of a {} background",
    "{} background",
    "on {}",
)


def article(phrase: str) -> str:
    """Put "a" or "an" before the phrase."""
    return f"{'an' if phrase[0] in 'aeio' or phrase.startswith('umb') else 'a'} {phrase}"


def _colour_word(rng: random.Random, colour: str) -> str:
    return rng.choice((colour, colour, colour, *COLOUR_WORDS.get(colour, ())))


def _noun(rng: random.Random, thing: Thing, count: int) -> str:
    if count > 1:
        return thing.plural
    return thing.name if rng.random() < 0.8 else rng.choice((thing.name, *thing.synonyms))


def _adjectives(rng: random.Random, scene: Scene, thing: Thing) -> list[str]:
    words = [rng.choice(_SIZE_WORDS[scene.size])] if scene.size else []
    natural = thing.natural if rng.random() < 0.45 else None
    colour = scene.colour or natural
    return [*words, _colour_word(rng, colour)] if colour else words


def _thing_phrase(rng: random.Random, scene: Scene) -> str:
    thing = by_name(scene.thing)
    phrase = " ".join([*_adjectives(rng, scene, thing), _noun(rng, thing, scene.count)])
    if scene.count > 1:
        return f"{rng.choice(_COUNT_WORDS[scene.count])} {phrase}"
    roll = rng.random()
    if roll < 0.6:
        return article(phrase)
    return f"{'one' if roll < 0.65 else 'the'} {phrase}" if roll < 0.72 else phrase


def _place_phrase(rng: random.Random, place: str | None) -> str:
    if place is None:
        return rng.choice(_CENTRE_FORMS) if rng.random() < 0.08 else ""
    return rng.choice(_CORNER_FORMS if " " in place else _PLACE_FORMS).format(place)


def _setting_phrase(rng: random.Random, scene: Scene) -> str:
    if scene.scenery:
        return rng.choice(_SCENERY_WORDS[scene.scenery])
    if scene.background is None or rng.random() < 0.12:
        return ""
    return rng.choice(_BACKGROUND_FORMS).format(_colour_word(rng, scene.background))


def _noise(rng: random.Random) -> str:
    """Words the model has no picture for: it must learn to draw on regardless."""
    if rng.random() < 0.75:
        return rng.choice((*_SUFFIXES, *_EVERYDAY))
    return "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(3, 8)))


def _dressed(rng: random.Random, text: str) -> str:
    if rng.random() < 0.15:
        text = f"{rng.choice(_PREFIXES)} {text}"
    if rng.random() < 0.12:
        text = f"{text}, {', '.join(_noise(rng) for _ in range(rng.randint(1, 3)))}"
    return text


def caption(scene: Scene, rng: random.Random) -> str:
    """Word a scene; the same scene gets many wordings, all of them true."""
    thing, place, setting = _thing_phrase(rng, scene), _place_phrase(rng, scene.place), _setting_phrase(rng, scene)
    roll = rng.random()
    if roll < 0.75:
        parts = (thing, place, setting)
    elif roll < 0.9:
        parts = (thing, setting, place)
    else:
        parts = (f"{setting}," if setting else "", thing, place)
    return _dressed(rng, " ".join(part for part in parts if part))


def plain_caption(scene: Scene) -> str:
    """Word a scene in the plainest full form, as the evaluation asks for it."""
    noun = by_name(scene.thing).plural if scene.count > 1 else scene.thing
    words = " ".join(word for word in (scene.size, scene.colour, noun) if word)
    counted = {1: "", 2: "two ", 3: "three "}[scene.count]
    text = f"{counted}{words}" if counted else article(words)
    if scene.place:
        text += f" in the {scene.place} corner" if " " in scene.place else f" on the {scene.place}"
    if scene.scenery:
        return f"{text} {_SCENERY_WORDS[scene.scenery][0]}"
    return f"{text} on {article(scene.background)} background" if scene.background else text


def bare_thing(thing: Thing, rng: random.Random | None = None) -> str:
    """Word a thing alone: "an apple", or with a random source one of the other short ways to say it."""
    if rng is None or rng.random() < 0.5:
        return article(thing.name)
    noun = _noun(rng, thing, 1)
    return _dressed(rng, rng.choice((noun, article(noun))))


def bare_colour(colour: str, rng: random.Random) -> str:
    """Word the colour of a thing alone: "a red thing", "something red"."""
    word = _colour_word(rng, colour)
    return rng.choice((article(f"{word} thing"), f"something {word}"))


def bare_setting(setting: str, rng: random.Random) -> str:
    """Word a background colour or a scene alone."""
    if setting in _SCENERY_WORDS:
        return rng.choice(_SCENERY_WORDS[setting])
    return rng.choice(_BACKGROUND_FORMS).format(_colour_word(rng, setting))


def vocabulary_texts() -> list[str]:
    """List every fixed wording that captions are built from: what the tokenizer must know as whole words."""
    fixed = [*_PREFIXES, *_SUFFIXES, *_EVERYDAY, *_CENTRE_FORMS, "one the a an with background corner thing something"]
    for forms in (_SIZE_WORDS, _COUNT_WORDS, _SCENERY_WORDS, COLOUR_WORDS):
        fixed += [word for words in forms.values() for word in words]
    return fixed
