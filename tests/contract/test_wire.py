"""How messages behave whoever speaks: round trips, nulls, bounds, defaults, and the words of a refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.contract import paths
from core.contract.base import Ask
from core.contract.codes import Rc
from core.contract.generate import AsyncResponse, CheckResponse, GenerateRequest, Generation, GenerationParams
from core.contract.limits import Bounds
from core.contract.names import UPSCALERS, ControlType, PostProcessor, Sampler
from core.contract.problems import ErrorBody, missing_header, validation_body
from core.contract.work import PopRequest, PopResponse, SubmitRequest

sides = st.integers(1, 48).map(lambda step: step * 64)
keys = st.sampled_from(["prompt", "params", "n", "loras", "name", "x"])
any_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
)
given_params = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(1, 20),
        "steps": st.integers(1, 500),
        "width": sides,
        "height": sides,
        "cfg_scale": st.floats(0, 100),
        "sampler_name": st.sampled_from(list(Sampler)).map(str),
        "seed": st.text(max_size=20),
        "karras": st.booleans(),
        "control_type": st.sampled_from(list(ControlType)).map(str),
        "denoising_strength": st.floats(0.01, 1.0),
        "post_processing": st.lists(st.sampled_from(list(PostProcessor)).map(str), unique=True, max_size=4),
        "loras": st.lists(st.fixed_dictionaries({"name": st.text(min_size=1, max_size=9)}), max_size=2),
    },
)
given_requests = st.fixed_dictionaries(
    {"prompt": st.text(min_size=1, max_size=50)},
    optional={
        "params": given_params,
        "nsfw": st.booleans(),
        "models": st.lists(st.text(max_size=9), max_size=3),
        "workers": st.lists(st.uuids().map(str), max_size=6),
        "refuse_impossible": st.booleans(),
    },
)


@given(given_requests)
def test_a_request_arrives_as_it_was_sent(sent: dict[str, Any]) -> None:
    """What is set goes over the wire and comes out again, and nothing else is put on the wire."""
    request = GenerateRequest.read(sent)
    on_the_wire = json.loads(json.dumps(request.wire()))
    assert on_the_wire == sent
    assert GenerateRequest.read(on_the_wire) == request


@given(any_json)
def test_any_json_is_read_or_refused_in_words(data: Any) -> None:
    """Whatever arrives, the outcome is a request or one sentence for each field that is wrong."""
    try:
        GenerateRequest.read(data)
    except ValidationError as error:
        body = validation_body(error).wire()
        assert body["errors"]
        assert all(isinstance(words, str) and 0 < len(words) < 400 for words in body["errors"].values())


REFUSED = [
    ({"n": 30}, "params.n", "30 is greater than the maximum of 20"),
    ({"n": 0}, "params.n", "0 is less than the minimum of 1"),
    ({"steps": 501}, "params.steps", "501 is greater than the maximum of 500"),
    ({"width": 100}, "params.width", "100 is not a multiple of 64"),
    ({"height": 3136}, "params.height", "3136 is greater than the maximum of 3072"),
    ({"height": 0}, "params.height", "0 is less than the minimum of 64"),
    ({"steps": "many"}, "params.steps", "'many' is not of type 'integer'"),
    ({"steps": 1.5}, "params.steps", "1.5 is not of type 'integer'"),
    ({"karras": "perhaps"}, "params.karras", "'perhaps' is not of type 'boolean'"),
    ({"clip_skip": 13}, "params.clip_skip", "13 is greater than the maximum of 12"),
    ({"denoising_strength": 0}, "params.denoising_strength", "0 is less than the minimum of 0.01"),
    ({"loras": [{"name": "a"}, {}]}, "params.loras.1.name", "'name' is a required property"),
    ({"tis": [{"name": "a", "strength": 6}]}, "params.tis.0.strength", "6 is greater than the maximum of 5"),
    ({"post_processing": ["GFPGAN"] * 2}, "params.post_processing", "['GFPGAN', 'GFPGAN'] has non-unique elements"),
    ({"workflow": "magic", "control_type": "canny"}, "params.workflow", "'magic' is not one of 'qr_code'"),
    ({"loras": "a"}, "params.loras", "'a' is not of type 'array'"),
]


@pytest.mark.parametrize(("params", "path", "words"), REFUSED)
def test_what_does_not_fit_is_said_by_field(params: dict[str, Any], path: str, words: str) -> None:
    """The wire's validation failure: dotted path, what was found, what is allowed."""
    with pytest.raises(ValidationError) as caught:
        GenerateRequest.read({"prompt": "x", "params": params})
    assert validation_body(caught.value).wire() == {
        "errors": {path: words},
        "message": "Input payload validation failed",
    }


def test_choices_are_listed() -> None:
    """A word that is not in a closed list is answered with the list."""
    with pytest.raises(ValidationError) as caught:
        GenerationParams.read({"sampler_name": "k_magic"})
    words = validation_body(caught.value).errors["sampler_name"]
    assert words.startswith("'k_magic' is not one of")
    assert all(sampler.value in words for sampler in Sampler)


def test_a_default_that_depends_on_a_wrong_field_is_not_reported() -> None:
    """A wrong control type is one mistake, though the default of the steps depends on it."""
    with pytest.raises(ValidationError) as caught:
        GenerationParams.read({"control_type": "x-ray"})
    assert list(validation_body(caught.value).errors) == ["control_type"]


def test_long_values_are_not_quoted_whole() -> None:
    """A source picture of megabytes in the wrong place does not come back in the refusal."""
    with pytest.raises(ValidationError) as caught:
        GenerateRequest.read({"prompt": "x", "source_processing": "A" * 1_000_000})
    assert len(json.dumps(validation_body(caught.value).wire())) < 500


def test_a_body_that_is_no_object_is_refused() -> None:
    """A list where an object belongs has no field to name."""
    with pytest.raises(ValidationError) as caught:
        GenerateRequest.read([])
    assert validation_body(caught.value).errors == {"body": "[] is not of type 'object'"}


def test_a_missing_header_has_the_same_shape() -> None:
    """The public API answers a missing key like a missing field."""
    assert list(missing_header("apikey").wire()["errors"]) == ["apikey"]


def test_a_coordinator_may_have_bounds_of_its_own() -> None:
    """Its settings replace the public API's bounds, upwards and downwards, and the words follow."""
    wide = Bounds(max_side=4096, max_steps=10, max_batch=1)
    assert GenerateRequest.read({"prompt": "x", "params": {"width": 4096}}, wide).params.width == 4096
    with pytest.raises(ValidationError) as caught:
        GenerateRequest.read({"prompt": "x", "params": {"steps": 11, "n": 2}}, wide)
    assert validation_body(caught.value).errors == {
        "params.steps": "11 is greater than the maximum of 10",
        "params.n": "2 is greater than the maximum of 1",
    }


def test_defaults_are_those_in_effect() -> None:
    """What the public API really does with a missing key, which its documentation says differently."""
    request = GenerateRequest.read({"prompt": "x"})
    assert (request.nsfw, request.censor_nsfw, request.r2, request.slow_workers) == (True, True, True, True)
    assert request.models == ["stable_diffusion"]
    params = request.params
    assert (params.n, params.steps, params.cfg_scale, params.karras) == (1, 30, 5.0, True)
    assert (params.width, params.height, params.sampler_name) == (512, 512, "k_euler_a")
    assert GenerationParams.read({"control_type": "canny"}).steps == 20
    assert GenerationParams.read({"control_type": "canny", "steps": 9}).steps == 9
    pop = PopRequest(name="w")
    assert (pop.nsfw, pop.allow_lora, pop.allow_controlnet, pop.limit_max_steps) == (True, False, False, False)
    assert (pop.max_pixels, pop.amount, pop.wait, pop.capabilities) == (262144, 1, 0, None)


@pytest.mark.parametrize("wait", [-1, 31])
def test_a_pop_waits_half_a_minute_at_most(wait: float) -> None:
    """The long poll has its bounds."""
    with pytest.raises(ValidationError):
        PopRequest(name="w", wait=wait)


def test_null_means_missing_both_ways() -> None:
    """Other programs send null for what they leave open; the default applies."""
    assert GenerateRequest.read({"prompt": "x", "params": None, "nsfw": None, "models": None}).wire() == {"prompt": "x"}
    popped = PopResponse.model_validate({"id": None, "payload": {"clip_skip": None, "width": None}, "skipped": None})
    assert (popped.payload.width, popped.skipped.nsfw) == (512, 0)


def test_answers_are_read_tolerantly() -> None:
    """Unknown keys, unknown words, fractions and numbers as seeds from other hordes are taken."""
    check = CheckResponse.model_validate({"done": False, "wait_time": 3.6, "new_thing": {}})
    assert check.wait_time == 4
    picture = Generation.model_validate(
        {"id": "a", "img": "x", "seed": 7, "state": "new", "gen_metadata": [{"type": "new", "value": "new"}]}
    )
    assert (picture.seed, picture.state, picture.gen_metadata[0].type) == ("7", "new", "new")


def test_nothing_infinite_is_taken() -> None:
    """Infinity and NaN, which some JSON writers produce, are no numbers here."""
    for text in ('{"prompt": "x", "params": {"cfg_scale": NaN}}', '{"prompt": "x", "params": {"cfg_scale": Infinity}}'):
        with pytest.raises(ValidationError):
            GenerateRequest.read(json.loads(text))


def test_an_infinite_answer_is_refused_and_not_a_crash() -> None:
    """A horde that answers nonsense is told from one that answers; 1e999 is how JSON spells infinity."""
    with pytest.raises(ValidationError):
        PopResponse.model_validate(json.loads('{"ttl": 1e999, "ids": []}'))


def test_numbers_as_seeds_are_taken_but_truth_is_not() -> None:
    """Many clients send the seed as a number."""
    assert GenerationParams.read({"seed": 42}).seed == "42"
    with pytest.raises(ValidationError):
        GenerationParams.read({"seed": True})


def test_sparse_answers_leave_out_nulls_and_others_do_not() -> None:
    """The 202 holds only what there is to say; the pop holds every key."""
    assert AsyncResponse(id="a", kudos=1).wire() == {"id": "a", "kudos": 1.0}
    assert ErrorBody(message="No.").wire() == {"message": "No."}
    assert PopResponse().wire()["model"] is None


@pytest.mark.parametrize("model", [GenerateRequest, PopRequest, SubmitRequest])
def test_messages_never_change(model: type[Ask]) -> None:
    """A message is a value."""
    message = model.model_construct()
    with pytest.raises(ValidationError, match="frozen"):
        message.prompt = "y"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("rc", "status"),
    [
        (Rc.INVALID_API_KEY, 401),
        (Rc.KUDOS_UPFRONT, 403),
        (Rc.WORKER_MAINTENANCE, 403),
        (Rc.REQUEST_NOT_FOUND, 404),
        (Rc.INVALID_JOB_ID, 404),
        (Rc.LOCKED, 423),
        (Rc.TOO_MANY_PROMPTS, 429),
        (Rc.MAINTENANCE_MODE, 400),
        (Rc.DUPLICATE_GEN, 400),
        (Rc.CORRUPT_PROMPT, 400),
    ],
)
def test_codes_have_their_status(rc: Rc, status: int) -> None:
    """The HTTP status that the public API sends with a code."""
    assert rc.status == status


def test_upscalers_are_the_ones_that_enlarge() -> None:
    """Face fixers and background removal are no upscalers."""
    no_upscalers = {"GFPGAN", "GFPGANv1.3", "CodeFormers", "RestoreFormer", "strip_background"}
    assert {*PostProcessor} - UPSCALERS == no_upscalers


def test_what_is_ours_has_its_own_prefix() -> None:
    """Every path is either the public API's or below our own prefix, and can be filled in."""
    every = {name: value for name, value in vars(paths).items() if name.isupper() and value.startswith("/")}
    assert all(path.startswith(("/api/v2", "/api/swagger", "/.well-known", paths.OURS)) for path in every.values())
    assert all(path.startswith(paths.OURS) for name, path in every.items() if name.startswith("OURS"))
    assert paths.GENERATE_CHECK.format(id="x") == "/api/v2/generate/check/x"
