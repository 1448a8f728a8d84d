"""The catalogue of LoRAs and textual inversions, and how jobs are dressed with them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from core.contract.generate import Lora, TextualInversion
from core.contract.names import Capability, MetadataType, MetadataValue
from core.errors import ConfigError
from core.worker import addons
from core.worker.addons import Addons
from core.worker.delivery import notes
from core.worker.renderer import DrawJob, Drawn, EmbeddingUse, Family, LoraUse, Unused

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def known(tmp_path: Path) -> Addons:
    """A LoRA with triggers and a version, a textual inversion, and a LoRA whose file is another one than expected."""
    for name in ("neon", "ball", "bad"):
        (tmp_path / f"{name}.safetensors").write_bytes(name.encode())
    right = hashlib.sha256(b"neon").hexdigest()
    file = tmp_path / "addons.toml"
    file.write_text(
        f'["Neon Lights"]\nkind = "lora"\nfamily = "sd1"\nsource = "{tmp_path}/neon.safetensors"\n'
        f'sha256 = "{right}"\ntriggers = ["neon glow", "bright"]\nversion = "77"\n'
        f'["My Ball"]\nkind = "embedding"\nfamily = "sd1"\nsource = "{tmp_path}/ball.safetensors"\n'
        f'["bad"]\nkind = "lora"\nfamily = "sd1"\nsource = "{tmp_path}/bad.safetensors"\nsha256 = "{right}"\n',
        encoding="utf-8",
    )
    return await addons.prepare(addons.load(file, downloads=tmp_path / "downloads"))


def dressed(known: Addons, family: Family = Family.SD1, *, prompt: str = "a cat", **asked: Any) -> DrawJob:
    job = DrawJob(id="1", model="little", prompt=prompt)
    return known.dress(job, family=family, loras=asked.get("loras", []), inversions=asked.get("tis", []))


def test_the_shipped_catalogue_reads() -> None:
    """It holds one of each kind, and their files are there."""
    entries = addons.load(ROOT / "config/addons.toml", downloads=Path("data/models"))
    assert {entry.table.kind for entry in entries} == set(addons.Kind)
    assert all((ROOT / entry.origin.path).is_file() for entry in entries)


async def test_a_worker_says_what_it_has(known: Addons) -> None:
    """What can be done follows from what lies ready; nothing ready, nothing offered."""
    assert set(known.capabilities()) == {Capability.LORA, Capability.LORA_VERSIONS, Capability.TEXTUAL_INVERSION}
    assert Addons().capabilities() == ()


async def test_a_lora_is_found_by_name_and_by_version(known: Addons, tmp_path: Path) -> None:
    """Names are taken in any case; digits name a version where the request says so."""
    path = tmp_path / "neon.safetensors"
    by_name = dressed(known, loras=[Lora(name="NEON lights", model=0.5, clip=2)])
    assert by_name.loras == (LoraUse("NEON lights", path, model=0.5, clip=2),)
    assert dressed(known, loras=[Lora(name="77", is_version=True)]).loras == (LoraUse("77", path),)
    assert dressed(known, loras=[Lora(name="77")]).unused == (Unused("lora", "77", "download_failed"),)


@pytest.mark.parametrize(
    ("asked", "prompt"),
    [(None, "a cat"), ("any", "a cat, neon glow"), ("bright", "a cat, bright"), ("purple", "a cat")],
)
async def test_triggers_are_put_into_the_prompt(known: Addons, asked: str | None, prompt: str) -> None:
    """The first one, the one that was meant, or none."""
    assert dressed(known, loras=[Lora(name="neon lights", inject_trigger=asked)]).prompt == prompt


async def test_a_trigger_that_is_there_is_not_repeated(known: Addons) -> None:
    """Whoever writes it themselves finds it once."""
    lora = Lora(name="neon lights", inject_trigger="any")
    assert dressed(known, prompt="Neon Glow, a cat", loras=[lora]).prompt == "Neon Glow, a cat"


async def test_a_textual_inversion_is_put_where_it_was_asked_for(known: Addons, tmp_path: Path) -> None:
    """In the prompt, in the negative prompt, or where the prompt mentions it, as strong as was said."""
    use = (EmbeddingUse("my ball", tmp_path / "ball.safetensors", "<my-ball>"),)
    asked: dict[str, Any] = {"name": "my ball"}
    front = dressed(known, tis=[TextualInversion(**asked, inject_ti="prompt", strength=1.5)])
    assert (front.prompt, front.negative_prompt, front.embeddings) == ("(<my-ball>:1.5), a cat", "", use)
    below = dressed(known, tis=[TextualInversion(**asked, inject_ti="negprompt")])
    assert (below.prompt, below.negative_prompt) == ("a cat", "<my-ball>")
    said = dressed(known, prompt="a cat, (embedding:my ball:1.2) red", tis=[TextualInversion(**asked)])
    assert said.prompt == "a cat, <my-ball> red"


async def test_what_is_not_at_hand_or_of_another_family_is_noted(known: Addons) -> None:
    """Unknown, damaged, of the wrong kind, made for other models: left out, and the reason travels with the job."""
    asked = [Lora(name="nobody"), Lora(name="bad"), Lora(name="my ball")]
    job = dressed(known, loras=asked)
    assert job.loras == ()
    assert job.unused == tuple(Unused("lora", lora.name, "download_failed") for lora in asked)
    other = dressed(known, Family.SDXL, loras=[Lora(name="neon lights")], tis=[TextualInversion(name="my ball")])
    assert [left.why for left in other.unused] == ["baseline_mismatch", "baseline_mismatch"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('["x"]\nkind = "hat"\nfamily = "sd1"\nsource = "x.safetensors"\n', "x.kind"),
        ('["x"]\nkind = "lora"\nfamily = "sd1"\nsource = "x.pt"\n', "x.source"),
        ('["x"]\nkind = "lora"\nfamily = "sd1"\nsource = "x.pt"\npickled = true\n', "x.source"),
        ('["x"]\nkind = "embedding"\nfamily = "sd1"\nsource = "folder"\n', "one file"),
        ("x = ", "cannot be read"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    """The file, the key and what is allowed; pickles of LoRAs are never let in."""
    file = tmp_path / "addons.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint):
        addons.load(file, downloads=tmp_path)


def test_the_requester_is_told_what_was_left_out() -> None:
    """The notes on the wire are of the contract's kinds, with the name that was asked for."""
    left = (Unused("lora", "nobody", "download_failed"), Unused("ti", "ball", "baseline_mismatch"))
    sent = notes(Drawn(job_id="1", picture=b"", width=64, height=64, seed=1, unused=left))
    assert [(note.type, note.value, note.ref) for note in sent] == [
        (MetadataType.LORA, MetadataValue.DOWNLOAD_FAILED, "nobody"),
        (MetadataType.TI, MetadataValue.BASELINE_MISMATCH, "ball"),
    ]


def test_no_file_is_no_addons(tmp_path: Path) -> None:
    """A house without the file has none."""
    assert addons.load(tmp_path / "none.toml", downloads=tmp_path) == []


def test_an_old_pickled_inversion_is_let_in_when_told(tmp_path: Path) -> None:
    """`pickled = true` is the operator's word for it."""
    file = tmp_path / "addons.toml"
    file.write_text('["x"]\nkind = "embedding"\nfamily = "sd1"\nsource = "x.pt"\npickled = true\n', encoding="utf-8")
    assert [entry.origin.path.name for entry in addons.load(file, downloads=tmp_path)] == ["x.pt"]
