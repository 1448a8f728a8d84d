"""Weight files that are missing, damaged or dangerous: each gets a sentence that names it."""

import dataclasses
import json
import pickle
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ModelUnusable
from core.worker.diffusion import weights
from core.worker.diffusion.render import DiffusionRenderer
from core.worker.renderer import Family, Form, ModelEntry

UNET = Path("unet") / "diffusion_pytorch_model.safetensors"


@pytest.fixture
def copy(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model to do harm to."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def refusal(renderer: DiffusionRenderer, entry: ModelEntry, **changes: object) -> str:
    """The sentence with which loading fails."""
    with pytest.raises(ModelUnusable) as caught:
        renderer.load(dataclasses.replace(entry, name="harmed", **changes))
    return str(caught.value)


def test_missing_folder_is_named(renderer: DiffusionRenderer, tiny: ModelEntry, tmp_path: Path) -> None:
    """A model that is not there says where it was looked for."""
    assert f"there is no folder {tmp_path / 'none'}" in refusal(renderer, tiny, path=tmp_path / "none")


def test_cut_off_weights_are_named(renderer: DiffusionRenderer, tiny: ModelEntry, copy: Path) -> None:
    """A download that ended early is told from its table of contents, before any library chokes on it."""
    file = copy / UNET
    file.write_bytes(file.read_bytes()[:-1000])
    assert f"{file} is damaged" in refusal(renderer, tiny, path=copy)


def test_garbage_weights_are_named(renderer: DiffusionRenderer, tiny: ModelEntry, copy: Path) -> None:
    """A file of noise is refused."""
    (copy / UNET).write_bytes(b"\xff" * 4096)
    assert f"{copy / UNET} is damaged" in refusal(renderer, tiny, path=copy)


def test_missing_part_is_named(renderer: DiffusionRenderer, tiny: ModelEntry, copy: Path) -> None:
    """A folder without its UNet weights cannot be loaded, and the sentence says which part."""
    (copy / UNET).unlink()
    assert "unet" in refusal(renderer, tiny, path=copy)


def test_weights_of_another_network_are_refused(renderer: DiffusionRenderer, tiny: ModelEntry, copy: Path) -> None:
    """Tensors that do not fit the configuration are not loaded over it."""
    config = json.loads((copy / "unet" / "config.json").read_text())
    config["block_out_channels"] = [32, 64]
    (copy / "unet" / "config.json").write_text(json.dumps(config))
    assert "cannot be used" in refusal(renderer, tiny, path=copy)


def test_missing_or_broken_index_is_named(renderer: DiffusionRenderer, tiny: ModelEntry, copy: Path) -> None:
    """Without a readable model_index.json a folder is no model."""
    (copy / "model_index.json").write_text("{")
    assert "model_index.json is damaged" in refusal(renderer, tiny, path=copy)
    (copy / "model_index.json").unlink()
    assert "model_index.json is missing" in refusal(renderer, tiny, path=copy)


def test_every_file_that_is_cut_in_half_is_noticed(renderer: DiffusionRenderer, tiny: ModelEntry, copy: Path) -> None:
    """Whichever file of a model a broken download has cut, there is a sentence and the process lives."""
    for file in [path for path in copy.rglob("*") if path.is_file()]:
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
        assert "cannot be used" in refusal(renderer, tiny, path=copy), file
        file.write_bytes(whole)


def test_every_part_that_is_missing_is_noticed(renderer: DiffusionRenderer, tiny: ModelEntry, copy: Path) -> None:
    """A model without one of its parts is refused."""
    for part in [path for path in copy.iterdir() if path.is_dir()]:
        aside = part.rename(copy.parent / "aside")
        assert "cannot be used" in refusal(renderer, tiny, path=copy), part
        aside.rename(part)


def test_tokenizer_without_its_words_is_noticed(renderer: DiffusionRenderer, tiny: ModelEntry, copy: Path) -> None:
    """The library would draw any prompt as an empty one."""
    (copy / "tokenizer" / "tokenizer.json").unlink()
    assert "tokenizer holds none of" in refusal(renderer, tiny, path=copy)


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("tokenizer/tokenizer.json", "model", {"type": "Nonsense"}),
        ("tokenizer/tokenizer.json", "added_tokens", 5),
        ("text_encoder/config.json", "hidden_size", 0),
        ("text_encoder/config.json", "num_attention_heads", 7),
        ("scheduler/scheduler_config.json", "beta_schedule", "nonsense"),
        ("unet/config.json", "block_out_channels", [-32, -64]),
    ],
)
def test_wrong_content_is_a_sentence_and_not_the_end(
    renderer: DiffusionRenderer, tiny: ModelEntry, copy: Path, file: str, key: str, value: object
) -> None:
    """Files that are JSON and yet nonsense are refused like damaged ones, whatever the library raises over them."""
    content = json.loads((copy / file).read_text(encoding="utf-8"))
    (copy / file).write_text(json.dumps(content | {key: value}), encoding="utf-8")
    assert f"in {copy} cannot be used" in refusal(renderer, tiny, path=copy)


def test_pickled_weights_are_never_opened(
    renderer: DiffusionRenderer, tiny: ModelEntry, copy: Path, tmp_path: Path
) -> None:
    """A pickle in the place of the weights is refused, and the code inside it does not run."""
    trap = tmp_path / "sprung"
    for file in copy.rglob("*.safetensors"):
        file.with_suffix(".bin").write_bytes(pickle.dumps(_Trap(trap)))
        file.unlink()
    assert "run a stranger's code" in refusal(renderer, tiny, path=copy)
    single = tmp_path / "single.ckpt"
    single.write_bytes(pickle.dumps(_Trap(trap)))
    assert "run a stranger's code" in refusal(renderer, tiny, path=single, form=Form.FILE)
    assert not trap.exists()


def test_one_pickle_among_safe_files_is_not_opened(
    renderer: DiffusionRenderer, tiny: ModelEntry, copy: Path, tmp_path: Path
) -> None:
    """Safe files elsewhere in the folder do not let a pickled part in."""
    trap = tmp_path / "sprung"
    (copy / UNET).with_suffix(".bin").write_bytes(pickle.dumps(_Trap(trap)))
    (copy / UNET).unlink()
    assert "cannot be used" in refusal(renderer, tiny, path=copy)
    assert not trap.exists()


def test_family_that_is_not_drawn_yet_is_refused(renderer: DiffusionRenderer, tiny: ModelEntry) -> None:
    """A model of a family without a pipeline here is refused by name, not tried."""
    assert "does not draw with the family 'flux'" in refusal(renderer, tiny, family=Family.FLUX)


def test_single_file_without_configuration_says_what_belongs_beside_it(
    renderer: DiffusionRenderer, tiny: ModelEntry, tiny_folder: Path, tmp_path: Path
) -> None:
    """A lone checkpoint asks for its family's configuration instead of fetching it from somewhere."""
    single = tmp_path / "mine.safetensors"
    shutil.copy(tiny_folder / UNET, single)
    said = refusal(renderer, tiny, path=single, form=Form.FILE)
    assert str(tmp_path / "mine") in said
    assert str(tmp_path / "sd1") in said


@given(st.binary(max_size=64))
def test_no_bytes_make_the_check_stumble(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever a small file holds, the check ends in a sentence."""
    file = tmp_path_factory.getbasetemp() / "noise.safetensors"
    file.write_bytes(content)
    with pytest.raises(ModelUnusable, match="is damaged"):
        weights.check_file(file, "noise")


class _Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path, ...]]:
        return Path.touch, (self.path,)
