"""The double is judged by Discord's own documents; this holds that they judge at all."""

from __future__ import annotations

import pytest

from tests.doubles.discord.schema import Schema

COMMANDS = "/applications/900000000000000001/commands"


@pytest.fixture
def schema() -> Schema:
    """The documents, where they are at hand."""
    found = Schema()
    if not found.present:
        pytest.skip("Discord's OpenAPI document is not beside this checkout")
    return found


def test_what_discord_would_not_take_is_found(schema: Schema) -> None:
    """A command with 26 options and a path that does not exist are named; a plain message passes."""
    schema.request("POST", "/channels/1/messages", {"content": "hello"})
    assert schema.problems == []
    options = [{"type": 3, "name": f"n{number}", "description": "d"} for number in range(26)]
    schema.request("PUT", COMMANDS, [{"name": "draw", "description": "Draw", "options": options}])
    schema.request("POST", "/nowhere", {})
    assert len(schema.problems) == 2


def test_events_that_discord_would_not_send_are_found(schema: Schema) -> None:
    """A deleted message without its channel is no event."""
    schema.event("MESSAGE_DELETE", {"id": "1"})
    assert len(schema.problems) == 1
