"""The file of named looks: what it holds, how names are found, and how its mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError, NotFound
from core.house.styles import Styles, load_styles

BUNDLED = Path("config/styles.toml")

SMALL = """
[families.little]
models = ["little"]
size = 128

[families.sd1]
models = ["*"]

[styles.oil]
description = "Oil on canvas"
tags = ["painting"]
prompt = "oil painting of {p}"
negative = "{np}, photo"
steps = 30
families.little = { prompt = "{p}, oil", steps = 12 }
"""


@pytest.fixture(scope="module")
def bundled() -> Styles:
    return load_styles(BUNDLED)


def _written(folder: Path, text: str) -> Path:
    file = folder / "styles.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_there_are_a_dozen_styles(bundled: Styles) -> None:
    """A newcomer finds at least twelve looks, each with a sentence, a tag and a place for the person's words."""
    assert len(bundled.styles) >= 12
    for name, style in bundled.styles.items():
        assert style.tags, name
        for family in bundled.families:
            look = style.look(family)
            assert "{p}" in (look.prompt or ""), name
            assert "{np}" in (look.negative or "{np}"), name


def test_the_little_model_has_looks_of_its_own(bundled: Styles) -> None:
    """A style that fits the little model words itself briefly for it, for it knows few words."""
    fitting = [style.look("little") for style in bundled.styles.values() if style.fits("little")]
    assert len(fitting) >= 8
    assert all(len(look.prompt or "") < 60 for look in fitting)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("little", "little"),
        ("stable_diffusion", "sd1"),
        ("Deliberate", "sd1"),
        ("SDXL 1.0", "sdxl"),
        ("AlbedoBase XL (SDXL)", "sdxl"),
        ("Pony Diffusion XL", "sdxl"),
        ("Flux.1-Schnell fp8 (Compact)", "flux"),
        ("stable_diffusion_2.1", "sd2"),
    ],
)
def test_models_of_the_field_find_their_family(bundled: Styles, model: str, family: str) -> None:
    """Names as hordes use them lead to the manners of the right family."""
    assert bundled.family(model)[0] == family


def test_a_family_overrides_a_style_entry_by_entry(tmp_path: Path) -> None:
    """What a family says of a style wins, the rest of the style stays."""
    style = load_styles(_written(tmp_path, SMALL)).find("oil")[1]
    little, other = style.look("little"), style.look("sd1")
    assert (little.prompt, little.steps, little.negative) == ("{p}, oil", 12, "{np}, photo")
    assert (other.prompt, other.steps) == ("oil painting of {p}", 30)


@pytest.mark.parametrize("spelling", ["watercolour", "Watercolour", "WATER COLOUR", "water-colour"])
def test_spelling_of_names_is_forgiven(bundled: Styles, spelling: str) -> None:
    """Case, spaces and hyphens make no difference to a style's name."""
    assert bundled.find(spelling)[0] == "watercolour"


def test_an_unknown_style_leads_to_the_nearest(bundled: Styles) -> None:
    """A typing mistake is answered with the name that was probably meant."""
    with pytest.raises(NotFound, match=r"no style called “watercolr”\. Did you mean watercolour") as caught:
        bundled.find("watercolr")
    assert caught.value.code == "StyleNotFound"


def test_search_looks_at_names_descriptions_and_tags(bundled: Styles) -> None:
    """All words must occur somewhere; no words find everything."""
    assert "oil" in bundled.search("painting canvas")
    assert "pixel" not in bundled.search("painting")
    assert bundled.search("").keys() == bundled.styles.keys()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("steps = 30", "stepz = 30", r"styles\.oil\.stepz: there is no such key; allowed here: .*steps"),
        ("steps = 30", "steps = 0", r"styles\.oil\.steps: found 0; allowed: Input should be greater"),
        ("steps = 30", 'sampler = "eular"', r"styles\.oil\.sampler: found 'eular'; allowed: .*k_euler"),
        ("steps = 30", "width = 100", r"styles\.oil\.width: found 100; allowed: .*multiple of 64"),
        ('"oil painting of {p}"', '"oil painting"', r"styles\.oil: .*contains \{p\}"),
        ("families.little = ", "families.littel = ", r"names the family 'littel'; the families are: little, sd1"),
        ('description = "Oil on canvas"', "", r"styles\.oil\.description: found nothing"),
        ("[styles.oil]", "[styles.oil", "this is not TOML"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Every mistake is told with file, key, what was found and what is allowed."""
    file = _written(tmp_path, SMALL.replace(old, new))
    with pytest.raises(ConfigError, match=said) as caught:
        load_styles(file)
    assert str(file) in str(caught.value)


def test_a_missing_file_says_which_setting_names_it(tmp_path: Path) -> None:
    """Whoever points the setting at nothing is told where to look."""
    with pytest.raises(ConfigError, match=r"there is no such file; \[bots\] styles_file names it"):
        load_styles(tmp_path / "none.toml")
