"""Calls made up from our own document: none breaks the coordinator, none is answered in an unknown shape.

Schemathesis reads `/api/openapi.json` and makes up calls that are right, nearly right and wrong, and follows ids from
one answer into the next call. `make drills` runs thousands of them.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


async def made_up(horde: Any, folder: Path, *, key: str, examples: int, phases: str) -> int:
    """Let it make up calls, and how many it made; the test fails with its report where something was wrong."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{horde.url}/api/openapi.json", "-c", CHECKS,
        "--phases", phases, "-n", str(examples), "--seed", "7", "--no-color",
        "--suppress-health-check", "all", "--exclude-path-regex", "events|generate/pop", "-H", f"apikey: {key}",
        "-H", "X-Fields: *",
        "--request-timeout", "20", "--continue-on-failure", "--warnings", "off",
        "--generation-database", "none", "--generation-with-security-parameters", "false",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    said = out.decode()
    generated = re.search(r"(\d+) generated", said)
    assert generated is not None, said
    assert process.returncode == 0, said
    return int(generated.group(1))


async def test_made_up_calls_are_answered_as_documented(horde: Any, tmp_path: Path) -> None:
    """As an admin, for whom every endpoint is open: no answer of 500 or above, none that the document does not know."""
    _, admin = await horde.account("Admin", admin=True, moderator=True, trusted=True)
    assert await made_up(horde, tmp_path, key=admin, examples=2, phases="fuzzing") > 57
    assert (await horde.get("/api/largesse/v1/ready")).status == 200


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_thousands_of_made_up_calls(horde: Any, tmp_path: Path) -> None:
    """The same at length, with calls that follow from each other, as an admin and as somebody with no account."""
    _, admin = await horde.account("Admin", admin=True, moderator=True, trusted=True)
    for key in (admin, "0000000000"):
        phases = "coverage,fuzzing,stateful"
        assert await made_up(horde, tmp_path, key=key, examples=100, phases=phases) > 1000
