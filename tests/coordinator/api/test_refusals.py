"""Bad input of every kind: a 4xx with a sentence, never a 5xx, and the codes that programs look for."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASYNC = "/api/v2/generate/async"
POP = "/api/v2/generate/pop"
SUBMIT = "/api/v2/generate/submit"
NOBODYS_ID = "55577501-751c-46fa-8177-51bad445d1ac"
GOOD = {"prompt": "x", "models": ["little"], "params": {"width": 64, "height": 64}}
WORKER = {"name": "Tester", "models": ["little"], "bridge_agent": "Largesse worker:1:x"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"params": {"n": 30}}, "params.n"),
        ({"params": {"n": 0}}, "params.n"),
        ({"params": {"steps": 501}}, "params.steps"),
        ({"params": {"width": 100}}, "params.width"),
        ({"params": {"height": 4096}}, "params.height"),
        ({"params": {"sampler_name": "magic"}}, "params.sampler_name"),
        ({"params": {"cfg_scale": 101}}, "params.cfg_scale"),
        ({"params": {"denoising_strength": 0}}, "params.denoising_strength"),
        ({"params": {"clip_skip": 13}}, "params.clip_skip"),
        ({"params": {"post_processing": ["GFPGAN", "GFPGAN"]}}, "params.post_processing"),
        ({"params": {"loras": [{"name": ""}]}}, "params.loras.0.name"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"models": "little"}, "models"),
        ({"webhook": "short"}, "webhook"),
        ({"params": {"steps": 10**30}}, "params.steps"),
    ],
)
async def test_a_field_out_of_its_range_is_named(shared: Any, change: dict[str, Any], field: str) -> None:
    """400 with `errors` by dotted path and the one message, without rc."""
    answer = await shared.post(ASYNC, {**GOOD, **change})
    assert answer.status == 400
    assert answer.json["message"] == "Input payload validation failed"
    assert field in answer.json["errors"]
    assert "rc" not in answer.json


@pytest.mark.parametrize("path", [ASYNC, POP, SUBMIT, "/api/v2/kudos/transfer", "/api/largesse/v1/generate/progress"])
async def test_a_missing_key_is_a_validation_error(shared: Any, path: str) -> None:
    """Without the apikey header clients expect the 400 of a failed validation, not a 401."""
    answer = await shared.post(path, GOOD, key=None)
    assert answer.status == 400
    assert "apikey" in answer.json["errors"]


@pytest.mark.parametrize("key", ["A" * 22, "short", "", "é", "0000000001", NOBODYS_ID, "x" * 5000])
async def test_a_wrong_key_is_nobody(shared: Any, key: str) -> None:
    """401 with its code, whatever the text."""
    answer = await shared.post(ASYNC, GOOD, key=key)
    assert (answer.status, answer.json["rc"]) == (401, "InvalidAPIKey")


async def test_find_user_without_a_key_is_refused(shared: Any) -> None:
    """This one endpoint answers 401 where the key is missing."""
    assert (await shared.get("/api/v2/find_user")).status == 401


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v2/generate/check/{}", "RequestNotFound"),
        ("/api/v2/generate/status/{}", "RequestNotFound"),
        ("/api/v2/workers/{}", "WorkerNotFound"),
        ("/api/v2/workers/name/{}", "WorkerNotFound"),
        ("/api/v2/users/{}", "UserNotFound"),
    ],
)
@pytest.mark.parametrize(
    "name", [NOBODYS_ID, "nonsense", "1e9", "-1", "9" * 40, "%F0%9F%92%A9", "..%5C..", "'%22;--", "%C3%28"]
)
async def test_hostile_ids_are_not_found(shared: Any, path: str, code: str, name: str) -> None:
    """Whatever stands where an id belongs: 404 with its code, never a fault."""
    answer = await shared.get(path.format(name))
    assert (answer.status, answer.json["rc"]) == (404, code)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v2/generate/check/a%00b"),
        ("GET", "/api/v2/workers/name/a%00b"),
        ("GET", "/api/v2/status/models/a%00b"),
        ("GET", "/api/v2/workers?name=a%00b"),
        ("GET", "/api/largesse/v1/blobs/results/a%00b.webp"),
    ],
)
async def test_nul_in_addresses_is_refused(shared: Any, method: str, path: str) -> None:
    """A NUL in a path or query gets the code for it."""
    answer = await shared.call(method, path)
    assert (answer.status, answer.json["rc"]) == (400, "NulByteInPayload")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (ASYNC, {**GOOD, "prompt": "a\0b"}),
        (ASYNC, {**GOOD, "models": ["a\0b"]}),
        (ASYNC, {**GOOD, "a\0b": 1}),
        (POP, {**WORKER, "name": "a\0b"}),
        (POP, {**WORKER, "blacklist": ["a\0b"]}),
        (SUBMIT, {"id": "a\0b", "generation": "R2", "seed": 1}),
    ],
)
async def test_nul_in_bodies_is_refused(shared: Any, path: str, body: dict[str, Any]) -> None:
    """A NUL anywhere in a body gets the code for it."""
    answer = await shared.post(path, body, shared.worker_key)
    assert (answer.status, answer.json["rc"]) == (400, "NulByteInPayload")


@pytest.mark.parametrize("path", [ASYNC, POP, SUBMIT, "/api/v2/kudos/transfer", "/api/largesse/v1/generate/progress"])
@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"null", "application/json"),
        (b"[]", "application/json"),
        (b'"text"', "application/json"),
        (b"NaN", "application/json"),
        (b'{"seed": Infinity}', "application/json"),
        (b"\xff\xfe\x00", "application/json"),
        (b'{"prompt": "\\ud800"}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"a":' * 5_000, "application/json"),
        (b'{"params": ' + b"9" * 5_000 + b"}", "application/json"),
        (b"prompt=x", "application/x-www-form-urlencoded"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        (b"{}", "text/plain; charset=nonsense"),
        (b"{}", "nonsense"),
        (b'{"prompt": {"a": []}, "models": 1, "params": [], "name": [], "id": {}, "username": 5}', "application/json"),
    ],
)
async def test_nonsense_is_refused_politely(shared: Any, path: str, data: bytes, kind: str) -> None:
    """Bodies that are no JSON, of the wrong shape, too deep or of another type: always 400 with a message."""
    answer = await shared.call("POST", path, shared.worker_key, data=data, headers={"Content-Type": kind})
    assert answer.status == 400, answer.raw
    assert answer.json["message"]


async def test_broken_compression_is_refused(shared: Any) -> None:
    """A body that claims to be packed and is not is the sender's fault."""
    answer = await shared.call("POST", ASYNC, "0000000000", data=b"not gzip", headers={"Content-Encoding": "gzip"})
    assert answer.status == 400


HOSTILE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(
        ["little", "k_euler", str(uuid4()), "R2", "ok", "0", "'; drop table users; --", "\u202e", "💩", 2**63, -1]
    )
)
VALUES = HOSTILE | st.lists(HOSTILE, max_size=3) | st.dictionaries(st.text(max_size=8), HOSTILE, max_size=3)
FIELDS = {
    ASYNC: [
        "prompt",
        "models",
        "workers",
        "nsfw",
        "r2",
        "source_image",
        "source_mask",
        "source_processing",
        "style",
        "webhook",
        "params",
        "extra_source_images",
        "proxied_account",
    ],
    POP: [
        "name",
        "models",
        "bridge_agent",
        "priority_usernames",
        "max_pixels",
        "blacklist",
        "threads",
        "amount",
        "capabilities",
        "session",
        "nsfw",
    ],
    SUBMIT: ["id", "generation", "seed", "state", "censored", "gen_metadata"],
    "/api/v2/kudos/transfer": ["username", "amount"],
    "/api/largesse/v1/generate/progress": ["id", "step", "steps"],
}
PARAMS = [
    "n",
    "steps",
    "width",
    "height",
    "seed",
    "sampler_name",
    "cfg_scale",
    "loras",
    "tis",
    "post_processing",
    "control_type",
    "special",
    "extra_texts",
    "workflow",
    "clip_skip",
    "seed_variation",
]


@pytest.mark.parametrize("path", FIELDS)
async def test_no_body_is_a_fault_of_ours(shared: Any, path: str) -> None:
    """Good bodies with any of their fields replaced by anything never make a 5xx."""
    base = {ASYNC: GOOD, POP: WORKER, SUBMIT: {"id": str(uuid4()), "generation": "R2", "seed": 1}}.get(path, {})
    bodies: list[dict[str, Any]] = []

    @settings(max_examples=120, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.dictionaries(st.sampled_from(FIELDS[path]), VALUES, max_size=4),
        st.dictionaries(st.sampled_from(PARAMS), VALUES, max_size=4),
    )
    def gather(change: dict[str, Any], params: dict[str, Any]) -> None:
        bodies.append({**base, **change, **({"params": params} if path == ASYNC and params else {})})

    gather()
    for body in bodies:
        answer = await shared.call(
            "POST", path, shared.worker_key, data=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        assert answer.status < 500, (body, answer.raw)
        assert isinstance(answer.json, dict)


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=-1", "page=1e3", "page=" + "9" * 40, "sort=%27", "sort=", "page=%D9%A1"]
)
async def test_queries_are_checked(shared: Any, query: str) -> None:
    """A page or order that is none is a 400; the list itself is not harmed."""
    answer = await shared.get(f"/api/v2/users?{query}")
    assert (answer.status, "errors" in answer.json) == (400, True)


async def test_far_pages_are_empty(shared: Any) -> None:
    """Beyond the last page there is nothing, quickly."""
    assert (await shared.get("/api/v2/users?page=10001")).json == []
    assert (await shared.get("/api/v2/users?page=9999")).json == []


@pytest.mark.parametrize("header", ["Idempotency-Key", "Client-Agent", "X-Fields", "Proxied-For"])
@pytest.mark.parametrize("value", ["x" * 6000, "é", "'; --", "{", "a:b:c:d:e"])
async def test_odd_headers_harm_nothing(shared: Any, header: str, value: str) -> None:
    """Headers of any content never make a 5xx."""
    answer = await shared.post(ASYNC, GOOD, headers={header: value})
    assert answer.status < 500, answer.raw


async def test_anonymous_people_may_not_work(shared: Any) -> None:
    """A pop with the anonymous key has its own code."""
    answer = await shared.post(POP, WORKER, "0000000000")
    assert (answer.status, answer.json["rc"]) == (403, "AnonForbiddenWorker")


async def test_a_worker_without_models_is_told(shared: Any) -> None:
    """The words that official workers look for."""
    answer = await shared.post(POP, {**WORKER, "models": []}, shared.worker_key)
    assert answer.status == 400
    assert "we cannot accept workers serving" in answer.json["message"].lower()


async def test_a_name_belongs_to_its_owner(shared: Any) -> None:
    """Another account cannot use the name: wrong credentials, in these words."""
    await shared.pop(name="Mine")
    answer = await shared.post(POP, {**WORKER, "name": "Mine"}, shared.bots_key)
    assert (answer.status, answer.json["rc"]) == (403, "WrongCredentials")
    assert "wrong credentials" in answer.json["message"].lower()


async def test_strangers_cannot_hand_in(shared: Any, picture: bytes) -> None:
    """A job that does not exist is a 404 in the words workers look for; somebody else's is a 403."""
    missing = await shared.post(SUBMIT, {"id": str(uuid4()), "generation": "R2", "seed": 1}, shared.worker_key)
    assert (missing.status, missing.json["rc"]) == (404, "InvalidJobID")
    assert "Processing Job with ID" in missing.json["message"]
    assert "does not exist" in missing.json["message"]
    await shared.ask()
    job = await shared.pop()
    await shared.call("PUT", job["r2_upload"], data=picture)
    theirs = await shared.post(SUBMIT, {"id": job["id"], "generation": "R2", "seed": 1}, shared.bots_key)
    assert (theirs.status, theirs.json["rc"]) == (403, "WrongCredentials")


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("bm90IGEgcGljdHVyZQ==", "SourceImageUnreadable"),
        ("http://127.0.0.1:1/x.png", "SourceImageUrlInvalid"),
        ("http://169.254.169.254/latest/meta-data", "SourceImageUrlInvalid"),
        ("http://[::ffff:10.0.0.1]/x", "SourceImageUrlInvalid"),
        ("https://", "SourceImageUrlInvalid"),
    ],
)
async def test_bad_sources_have_codes(shared: Any, source: str, code: str) -> None:
    """What is no picture, and addresses inside this network, are refused by their codes."""
    answer = await shared.post(ASYNC, {**GOOD, "source_image": source})
    assert (answer.status, answer.json["rc"]) == (400, code)


async def test_inpainting_needs_a_mask(shared: Any, picture: bytes) -> None:
    """Without a mask and without transparency there is nothing to paint."""
    import base64

    body = {**GOOD, "source_image": base64.b64encode(picture).decode(), "source_processing": "inpainting"}
    answer = await shared.post(ASYNC, body)
    assert (answer.status, answer.json["rc"]) == (400, "InpaintingMissingMask")
