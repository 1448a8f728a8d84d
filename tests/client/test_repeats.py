"""Which calls are repeated after which failure, and which never."""

from __future__ import annotations

import socket
import time

import pytest

from core.client import HordeClient, Patience
from core.contract.generate import GenerateRequest
from core.contract.work import PopRequest, ProgressRequest, SubmitRequest
from core.errors import HordeError, HordeUnavailable, TooMany
from tests.client.conftest import KEY, QUICK
from tests.doubles.horde import ACCEPTED, FakeHorde, Fault

ASK = GenerateRequest(prompt="a red apple")
POP = PopRequest(name="w", models=["little"])
SUBMIT = SubmitRequest(id="j", generation="R2", seed=1)
UNKNOWN = [Fault.CUT, Fault.HALF, Fault.PROXY_PAGE, Fault.OVERLOADED, Fault.MALFORMED]


@pytest.mark.parametrize("fault", [*UNKNOWN, Fault.RATE_LIMITED], ids=lambda fault: fault.name)
async def test_questions_are_repeated(client: HordeClient, horde: FakeHorde, fault: Fault) -> None:
    """A GET is asked again after any passing failure."""
    horde.faults.extend([fault, fault])
    assert (await client.check("x")).processing == 1
    assert len(horde.seen) == 3


@pytest.mark.parametrize("fault", UNKNOWN, ids=lambda fault: fault.name)
async def test_a_request_without_key_is_never_repeated(client: HordeClient, horde: FakeHorde, fault: Fault) -> None:
    """POST generate/async without a key goes out once when its outcome is unknown: a second would be paid twice."""
    horde.faults.append(fault)
    with pytest.raises(HordeUnavailable):
        await client.generate(ASK)
    assert len(horde.seen) == 1


@pytest.mark.parametrize("fault", UNKNOWN, ids=lambda fault: fault.name)
async def test_a_request_with_key_is_repeated_on_ours(home: HordeClient, largesse: FakeHorde, fault: Fault) -> None:
    """With a key, on a Largesse, the same request is sent again, with the same key."""
    await home.generate(ASK, idempotency_key="k1")
    largesse.faults.extend([fault])
    assert (await home.generate(ASK, idempotency_key="k2")).id == ACCEPTED["id"]
    keys = [call.headers.get("Idempotency-Key") for call in largesse.seen]
    assert keys == [None, "k1", "k2", "k2"]


async def test_a_foreign_horde_knows_no_request_keys(client: HordeClient, horde: FakeHorde) -> None:
    """On another horde a request with a key is not repeated either, and the horde is asked only once what it is."""
    await client.generate(ASK, idempotency_key="k1")
    horde.faults.append(Fault.CUT)
    with pytest.raises(HordeUnavailable):
        await client.generate(ASK, idempotency_key="k2")
    assert horde.paths() == ["/api/largesse/v1/health", "/api/v2/generate/async", "/api/v2/generate/async"]


async def test_the_rate_limit_refuses_before_anything_is_done(client: HordeClient, horde: FakeHorde) -> None:
    """A 429 of the rate limit is repeated even for a request without key."""
    horde.faults.append(Fault.RATE_LIMITED)
    assert (await client.generate(ASK)).id == ACCEPTED["id"]
    assert len(horde.seen) == 2


async def test_too_many_waiting_pictures_is_an_answer(client: HordeClient, horde: FakeHorde) -> None:
    """A 429 with the code TooManyPrompts is told, not repeated."""
    horde.faults.append(Fault.TOO_MANY_PROMPTS)
    with pytest.raises(TooMany, match="waiting already") as caught:
        await client.generate(ASK)
    assert caught.value.code == "TooManyPrompts"
    assert len(horde.seen) == 1


async def test_a_price_is_asked_again(client: HordeClient, horde: FakeHorde) -> None:
    """A dry run changes nothing and is repeated."""
    horde.answers["POST /api/v2/generate/async"] = (200, {"kudos": 11.5})
    horde.faults.append(Fault.CUT)
    assert await client.quote(ASK) == 11.5
    assert [call.json() for call in horde.seen] == [{"prompt": "a red apple", "dry_run": True}] * 2


@pytest.mark.parametrize("fault", UNKNOWN, ids=lambda fault: fault.name)
async def test_a_pop_is_not_repeated(client: HordeClient, horde: FakeHorde, fault: Fault) -> None:
    """A pop whose answer is lost may hold a job already; the worker's loop decides when to ask again."""
    horde.faults.append(fault)
    with pytest.raises(HordeUnavailable):
        await client.pop(POP)
    assert len(horde.seen) == 1


@pytest.mark.parametrize("fault", UNKNOWN, ids=lambda fault: fault.name)
async def test_a_submit_is_repeated(client: HordeClient, horde: FakeHorde, fault: Fault) -> None:
    """Handing in the same job twice is refused as a duplicate, so it is sent until it is answered."""
    horde.faults.append(fault)
    assert (await client.submit(SUBMIT)).reward == 10.0
    assert len(horde.seen) == 2


async def test_a_transfer_is_repeated_with_its_key(client: HordeClient, horde: FakeHorde) -> None:
    """Kudos are sent again with the same key, which every horde honours."""
    horde.faults.append(Fault.CUT)
    assert (await client.transfer("friend#3", 5, idempotency_key="t1")).transferred == 5
    assert [call.headers["Idempotency-Key"] for call in horde.seen] == ["t1", "t1"]


async def test_a_cancel_is_repeated(client: HordeClient, horde: FakeHorde) -> None:
    """Cancelling twice is the same as once."""
    horde.faults.append(Fault.CUT)
    assert (await client.cancel("x")).generations == []
    assert [call.method for call in horde.seen] == ["DELETE", "DELETE"]


async def test_progress_is_tried_once(home: HordeClient, largesse: FakeHorde) -> None:
    """A lost step report is not worth a repeat: the next one says more."""
    largesse.faults.append(Fault.OVERLOADED)
    with pytest.raises(HordeUnavailable):
        await home.progress(ProgressRequest(id="j", step=1, steps=9))
    assert len(largesse.seen) == 1


async def test_attempts_end(client: HordeClient, horde: FakeHorde) -> None:
    """After the last attempt the failure is told, as what it was."""
    horde.faults.extend([Fault.CUT] * 9)
    with pytest.raises(HordeUnavailable, match="broke"):
        await client.submit(SUBMIT)
    assert len(horde.seen) == QUICK.attempts


async def test_a_horde_that_is_away_is_tried_again_for_everything() -> None:
    """A connection that was never made did nothing, so even a pop is repeated; then the horde counts as away."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        patience = Patience(attempts=3, first_wait=0.05, longest_wait=1, timeout=5)
        async with HordeClient(f"http://127.0.0.1:{taken.getsockname()[1]}", KEY, "T:1:n", patience=patience) as away:
            begun = time.monotonic()
            with pytest.raises(HordeUnavailable, match="cannot be reached"):
                await away.pop(POP)
            assert time.monotonic() - begun >= 0.1


async def test_retry_after_is_honoured(client: HordeClient, horde: FakeHorde) -> None:
    """The repeat comes no earlier than the horde asked for."""
    horde.retry_after = "0.3"
    horde.faults.append(Fault.RATE_LIMITED)
    begun = time.monotonic()
    await client.heartbeat()
    assert time.monotonic() - begun >= 0.3


async def test_a_long_retry_after_is_told_at_once(client: HordeClient, horde: FakeHorde) -> None:
    """Where the horde wants more time than we have, the caller learns how much, without waiting."""
    horde.retry_after = "600"
    horde.faults.append(Fault.RATE_LIMITED)
    with pytest.raises(TooMany) as caught:
        await client.heartbeat()
    assert caught.value.retry_after == 600
    assert len(horde.seen) == 1


async def test_a_slow_answer_is_given_up(horde: FakeHorde) -> None:
    """An attempt has its time limit, after which the outcome of the call is unknown."""
    horde.faults.append(Fault.SLOW)
    async with HordeClient(horde.url, KEY, "T:1:n", patience=Patience(timeout=0.2)) as hurried:
        with pytest.raises(HordeUnavailable, match="too long"):
            await hurried.pop(POP)
    assert len(horde.seen) == 1


async def test_a_long_poll_has_its_time(horde: FakeHorde) -> None:
    """A pop that may wait at the coordinator is given that time on top of the limit."""
    async with HordeClient(horde.url, KEY, "T:1:n", patience=Patience(timeout=0.2)) as hurried:
        horde.faults.append(Fault.SLOW)
        begun = time.monotonic()
        with pytest.raises(HordeUnavailable, match="too long"):
            await hurried.pop(POP.model_copy(update={"wait": 0.5}))
        assert time.monotonic() - begun >= 0.65


async def test_an_answer_of_another_shape_is_an_error(client: HordeClient, horde: FakeHorde) -> None:
    """JSON that the API does not promise is told as such and not asked for again."""
    horde.faults.append(Fault.SENSELESS)
    with pytest.raises(HordeError, match="not what the API promises"):
        await client.find_user()
    assert len(horde.seen) == 1
