"""From wishes to requests, whatever people wish for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from core.client.horde import HordeClient
from core.contract.generate import GenerateRequest
from core.contract.names import Sampler
from core.errors import NotFound, UserError
from core.generation import Size, Ticket, Wish, read_sampler
from core.generation.order import compose
from core.house import House
from core.house.offer import Offer, Offered
from core.house.places import Places
from core.house.styles import load_styles
from core.settings import Bots

NOTHING_KEPT: Any = None
"""Composing a request asks no memory."""
HORDE = HordeClient("http://127.0.0.1:9", SecretStr(""), "test:1:test")
STYLES = load_styles(Path("config/styles.toml"))
HOUSE = House(
    HORDE,
    Offer(HORDE, clock=lambda: 0.0),
    NOTHING_KEPT,
    Places(NOTHING_KEPT),
    STYLES,
    Bots(),
    lambda: 0.0,
    NOTHING_KEPT,
)
MODELS = (Offered("stable_diffusion", 3, 0.0), Offered("SDXL 1.0", 1, 0.0), Offered("little", 1, 0.0))

WISHES = st.builds(
    Wish,
    prompt=st.text(min_size=1, max_size=80),
    negative=st.none() | st.text(max_size=40),
    style=st.none() | st.sampled_from([*STYLES.styles, "nonsense", "none"]),
    size=st.none() | st.sampled_from(["portrait", "wide", "640", "333x777", "9x9", "?"]) | st.text(max_size=8),
    seed=st.none() | st.text(max_size=20),
    steps=st.none() | st.integers(-1, 600),
    guidance=st.none() | st.floats(-1, 101),
    sampler=st.none() | st.sampled_from(["k_euler", "Euler a", "DDIM", "nothing"]),
    n=st.integers(1, 4),
    model=st.none() | st.sampled_from(["little", "LITTLE", "sdxl 1.0", "unknown"]),
)


@given(WISHES, st.lists(st.sampled_from(MODELS), unique=True), st.booleans())
def test_every_wish_becomes_a_valid_request_or_a_sentence(wish: Wish, offered: list[Offered], nsfw: bool) -> None:
    """Nothing that people type leads to anything but a request the contract takes, or an error in words."""
    try:
        order = compose(HOUSE, wish, tuple(offered), nsfw=nsfw)
    except UserError:
        return
    request = GenerateRequest.read(order.request.wire())
    assert (request.params.width, request.params.height) == (order.size.width, order.size.height)
    assert wish.prompt.strip() in request.prompt
    assert request.nsfw is nsfw
    assert request.refuse_impossible is bool(offered)
    assert set(request.models) <= {model.name for model in MODELS} | {"LITTLE", "unknown", "sdxl 1.0"}


@given(WISHES)
def test_a_ticket_survives_being_written_down(wish: Wish) -> None:
    """What a restart reads is what was written, the wire request to the letter."""
    try:
        order = compose(HOUSE, replace(wish, style=None), MODELS, nsfw=False)
    except UserError:
        return
    ticket = Ticket.of(wish, order, event="fake:1", now=12.5)
    assert Ticket.from_json(ticket.to_json()) == ticket
    assert ticket.wanted.wire() == order.request.wire()


def test_an_event_has_one_ticket() -> None:
    """A conversation that starts over after a crash asks under the same key."""
    order = compose(HOUSE, Wish("a frog"), MODELS, nsfw=False)
    first, second = (Ticket.of(Wish("a frog"), order, event="fake:1", now=now) for now in (1.0, 2.0))
    assert (first.id, first.key) == (second.id, second.key)
    assert Ticket.of(Wish("a frog"), order, event="fake:2", now=1.0).id != first.id


@pytest.mark.parametrize("sampler", list(Sampler))
def test_every_sampler_is_known_by_its_own_name(sampler: Sampler) -> None:
    """In any case."""
    assert read_sampler(sampler.value.upper()) is sampler


@pytest.mark.parametrize(
    ("written", "sampler"),
    [
        ("Euler a", Sampler.K_EULER_A),
        ("euler ancestral", Sampler.K_EULER_A),
        ("Euler", Sampler.K_EULER),
        ("DPM++ 2M Karras", Sampler.K_DPMPP_2M),
        ("DPM++ SDE", Sampler.K_DPMPP_SDE),
        ("dpm2 a", Sampler.K_DPM_2_A),
        ("ddim", Sampler.DDIM),
        ("LCM", Sampler.LCM),
    ],
)
def test_samplers_are_known_by_the_names_of_other_programs(written: str, sampler: Sampler) -> None:
    """People bring their habits along."""
    assert read_sampler(written) is sampler


def test_an_unknown_sampler_leads_on() -> None:
    """With the nearest name."""
    with pytest.raises(NotFound, match="Did you mean k_heun"):
        read_sampler("k_huen")


def test_the_default_model_and_style_of_the_settings_are_used() -> None:
    """What an operator set applies where a person says nothing."""
    settings = Bots(default_model="SDXL 1.0", default_style="sketch", default_size=640)
    order = compose(replace(HOUSE, settings=settings), Wish("a frog"), MODELS, nsfw=False)
    assert order.request.models == ["SDXL 1.0"]
    assert order.style == "sketch"
    assert order.size == Size(640, 640)
    plain = compose(replace(HOUSE, settings=settings), Wish("a frog", style="none"), MODELS, nsfw=False)
    assert plain.style is None
