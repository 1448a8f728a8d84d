"""The laws of the house that no linter knows, so that they do not rot."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

FORBIDDEN_NAMES = re.compile(r"(^|/)(utils?|helpers?|manager|misc|http|logging|queue)(\.py|/)")
CATCH_ALL_ROOMS = (
    "core/chat/dispatch.py",
    "core/coordinator/middleware.py",
    "core/worker/agent.py",
    "core/worker/pool.py",
    "run_bot.py",
)
COMMIT_ROOMS = ("core/db/", "core/coordinator/middleware.py", "core/coordinator/sweeper.py")
SQL_ROOMS = ("core/store/", "core/coordinator/store/", "core/coordinator/migrations/", "core/db/")
WEB_ROOMS = ("core/coordinator/", "adapters/web/")
SDK_ROOMS = ("core/worker/diffusion/", "adapters/mastodon/", "adapters/discord/", "adapters/matrix/", "training/")
MAX_LINES = 400
MAX_CONTENTS = 180


def _matches(sources: dict[str, str], pattern: str, allowed: tuple[str, ...]) -> list[str]:
    found = re.compile(pattern, re.MULTILINE)
    return [path for path, text in sources.items() if not path.startswith(allowed) and found.search(text)]


def test_no_module_has_a_name_that_says_nothing(sources: dict[str, str]) -> None:
    """A module is named after its subject: utils, helpers, manager, misc and names of standard modules are refused."""
    assert [path for path in sources if FORBIDDEN_NAMES.search(path)] == []


def test_every_module_says_what_it_is(sources: dict[str, str]) -> None:
    """Each module starts with a docstring."""
    assert [path for path, text in sources.items() if not ast.get_docstring(ast.parse(text))] == []


def test_no_file_outgrows_its_room(sources: dict[str, str]) -> None:
    """A file of more than 400 lines needs a second room, and run_bot.py stays a table of contents."""
    sizes = {path: text.count("\n") for path, text in sources.items()}
    assert {path: lines for path, lines in sizes.items() if lines > MAX_LINES} == {}
    assert sizes["run_bot.py"] <= MAX_CONTENTS


def test_only_five_places_catch_everything(sources: dict[str, str]) -> None:
    """`except Exception` stands only where unknown errors become a sentence, a 500 or a restart."""
    assert _matches(sources, r"except (Base)?Exception\b|except\s*:", CATCH_ALL_ROOMS) == []


def test_only_the_edges_commit(sources: dict[str, str]) -> None:
    """Transactions are ended by the transport, never by a rule or a statement."""
    assert _matches(sources, r"\.commit\(", COMMIT_ROOMS) == []


def test_sql_lives_in_the_stores(sources: dict[str, str]) -> None:
    """select(), insert(), update() and delete() of SQLAlchemy appear only in the two store folders."""
    assert (
        _matches(sources, r"from sqlalchemy(\.\w+)* import .*\b(select|insert|update|delete|text)\b", SQL_ROOMS) == []
    )


def test_web_servers_live_in_two_rooms(sources: dict[str, str]) -> None:
    """aiohttp.web is used by the coordinator and the chat page only."""
    assert _matches(sources, r"from aiohttp import .*\bweb\b|aiohttp\.web\b", WEB_ROOMS) == []


def test_no_import_cycles() -> None:
    """No module of core, bots or adapters imports itself over others."""
    graph = grimp.build_graph("core", "bots", "adapters", cache_dir=None)
    cyclic = [
        module
        for module in graph.modules
        for direct in graph.find_modules_directly_imported_by(module)
        if graph.chain_exists(importer=direct, imported=module)
    ]
    assert cyclic == []


def test_import_contracts_hold(root: Path) -> None:
    """The import contracts of pyproject.toml are kept."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


HEAVY = (
    "torch", "diffusers", "transformers", "scipy", "discord", "asyncpraw", "mastodon", "nio", "prompt_toolkit",
    "rich_pixels", "vodozemac", "boto3", "botocore", "asyncpg",
)  # fmt: skip


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("core.coordinator.app", (*HEAVY, "core.client", "core.chat", "bots", "adapters", "PIL")),
        ("bots", (*HEAVY, "alembic", "jinja2", "core.coordinator", "core.worker", "PIL")),
        ("core.worker.pool", (*HEAVY, "alembic", "core.coordinator", "bots", "adapters", "core.chat")),
        ("adapters", (*HEAVY, "PIL", "core.coordinator", "core.worker", "core.client")),
        ("adapters.console.platform", (*HEAVY, "PIL", "core.coordinator", "core.worker", "core.client")),
        ("run_bot", (*HEAVY, "PIL", "aiohttp", "sqlalchemy")),
    ],
)
def test_a_part_imports_only_what_it_needs(module: str, absent: tuple[str, ...], root: Path) -> None:
    """A part starts without the libraries of the others: they may not even be installed."""
    code = f"import sys, {module}; print(*[name for name in {absent!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.strip()) == (0, ""), result.stderr


def test_every_module_imports_without_the_extras_of_others(sources: dict[str, str], root: Path) -> None:
    """Outside the rooms that hold a library, every module imports where torch and all chat SDKs are missing."""
    modules = [
        path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in sources
        if not path.startswith(SDK_ROOMS) and "/migrations/" not in path
    ]
    code = (
        "import sys, importlib\n"
        f"for name in {HEAVY!r}: sys.modules[name] = None\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_nothing_committed_names_a_machine(root: Path) -> None:
    """No tracked text file carries an absolute home or work path, or the address of a package registry."""
    tracked = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout: there is no list of tracked files")
    pattern = re.compile(
        r"(^|[\s\"'=(])/(?:home|root|work|Users)/\w|files\.pythonhosted|pypi\.org/simple|registry\.npmjs"
    )
    offenders: list[str] = []
    for name in tracked.stdout.splitlines():
        path = root / name
        if path.suffix in {".py", ".md", ".toml", ".html", ".css", ".js", ".txt", ".json"} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            if name != "tests/house/test_laws.py" and pattern.search(text):
                offenders.append(name)
    assert offenders == []
