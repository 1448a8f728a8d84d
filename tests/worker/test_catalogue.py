"""The catalogue of models: what it says, what it refuses, and how its files are made ready."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from core.errors import ConfigError, ModelUnusable
from core.worker import catalogue
from core.worker.renderer import Family, Form

ROOT = Path(__file__).parents[2]
SUM = "a" * 64
GOOD = 'family = "sd1"\nsource = "models/x"\nnative_size = 64\n'


def load(tmp_path: Path, text: str) -> dict[str, catalogue.ModelEntry]:
    file = tmp_path / "models.toml"
    file.write_text(text, encoding="utf-8")
    return catalogue.load(file, downloads=tmp_path / "downloads")


def test_the_shipped_catalogue_reads() -> None:
    """The little model is there for everybody; each other one states its licence, size and revision."""
    entries = catalogue.load(ROOT / "config/models.toml", downloads=Path("data/models"))
    little = entries["little"]
    assert (little.family, little.form, little.native_size) == (Family.SD1, Form.FOLDER, 64)
    assert little.path == Path("models/little")
    others = [entry for entry in entries.values() if entry is not little]
    assert len(others) >= 5
    assert all(entry.licence and entry.size and entry.revision and entry.hub for entry in others)


def test_sources_of_every_kind(tmp_path: Path) -> None:
    """A path, a file, a hub repository, one file of it and an address each get their form and their place."""
    text = "".join(
        f'["{name}"]\n' + GOOD.replace("models/x", source) + more
        for name, source, more in [
            ("folder", "models/x", ""),
            ("file", "models/x.safetensors", f'sha256 = "{SUM}"\n'),
            ("Hub 1.0", "hub:owner/name", 'revision = "abc"\nvariant = "fp16"\n'),
            ("one", "hub:owner/name/x.safetensors", ""),
            ("web", "https://example.org/y.safetensors?download=true", ""),
        ]
    )
    entries = load(tmp_path, text)
    down = tmp_path / "downloads"
    places = {name: (entry.form, entry.path, entry.hub) for name, entry in entries.items()}
    assert places == {
        "folder": (Form.FOLDER, Path("models/x"), ""),
        "file": (Form.FILE, Path("models/x.safetensors"), ""),
        "Hub 1.0": (Form.FOLDER, down / "Hub_1.0_abc", "owner/name"),
        "one": (Form.FILE, down / "one" / "x.safetensors", "owner/name"),
        "web": (Form.FILE, down / "web" / "y.safetensors", ""),
    }
    assert entries["file"].sha256 == {"": SUM}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("sd1", "sd9"), ["x.family", "'sd9'", "'sdxl'"]),
        (GOOD + "colour = 1\n", ["x.colour", "no such key", "native_size"]),
        (GOOD.replace("64", "65"), ["x.native_size", "65", "multiple of 8"]),
        (GOOD.replace("native_size = 64\n", ""), ["x.native_size", "missing"]),
        (GOOD + 'sha256 = "abc"\n', ["x.sha256", "'abc'"]),
        (GOOD + f'sha256 = "{SUM}"\n', ["x.sha256", "table of file"]),
        (GOOD.replace("models/x", "models/x.ckpt"), ["x.source", "x.ckpt", ".safetensors"]),
        (GOOD.replace("models/x", "hub:name"), ["x.source", "hub:owner/name"]),
        (GOOD.replace("models/x", "https://example.org/"), ["x.source", "ends in the name"]),
        (GOOD.replace("models/x", "ftp://example.org/x"), ["x.source", "https address"]),
        ("= 1", ["not TOML"]),
    ],
)
def test_what_is_wrong_is_named(text: str, words: list[str], tmp_path: Path) -> None:
    """A wrong catalogue is refused with file, key, what was found and what is allowed."""
    with pytest.raises(ConfigError) as error:
        load(tmp_path, f'["max"]\n{text}')
    for word in ["models.toml", *words]:
        assert word in str(error.value)


@pytest.mark.parametrize("name", ["sd", "n" * 256])
def test_a_name_that_no_horde_takes_is_refused(name: str, tmp_path: Path) -> None:
    """The worker would be refused at its first pop; the catalogue says so before."""
    with pytest.raises(ConfigError, match="name of a model; allowed: 3 to 255 characters"):
        load(tmp_path, f'["{name}"]\n{GOOD}')


def test_a_missing_catalogue_and_an_unknown_name_are_said(tmp_path: Path) -> None:
    """Without the file nothing can be offered; a misspelt name gets the nearest one as a hint."""
    with pytest.raises(ConfigError, match="cannot be read"):
        catalogue.load(tmp_path / "absent.toml", downloads=tmp_path)
    entries = load(tmp_path, f'["little"]\n{GOOD}["big"]\n{GOOD}')
    file = tmp_path / "models.toml"
    with pytest.raises(ConfigError, match=r"'litle'.*allowed: big, little\. Did you mean 'little'\?"):
        catalogue.chosen(entries, ["litle"], file=file)
    assert [entry.name for entry in catalogue.chosen(entries, ["little", "little"], file=file)] == ["little"]


async def test_local_models_are_checked_before_they_are_offered(tmp_path: Path) -> None:
    """Missing folder, missing parts and changed bytes each get their sentence; a whole one passes."""
    folder = tmp_path / "mine"
    weights = folder / "unet.safetensors"
    total = hashlib.sha256(b"weights").hexdigest()
    text = '["mine"]\n' + GOOD.replace("models/x", folder.as_posix()) + f'[mine.sha256]\n"unet.safetensors" = "{total}"'
    entry = load(tmp_path, text)["mine"]
    with pytest.raises(ModelUnusable, match="'mine' is not there"):
        await catalogue.prepare(entry)
    folder.mkdir()
    with pytest.raises(ModelUnusable, match=r"model_index\.json is missing"):
        await catalogue.prepare(entry)
    (folder / "model_index.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelUnusable, match=r"unet\.safetensors is missing"):
        await catalogue.prepare(entry)
    weights.write_bytes(b"wights!")
    with pytest.raises(ModelUnusable, match="damaged or another one"):
        await catalogue.prepare(entry)
    weights.write_bytes(b"weights")
    await catalogue.prepare(entry)
