"""A house with a chat page, and a headless Chromium to look at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.adapters.web.house import Running, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
WIDE, PHONE = {"width": 1100, "height": 760}, {"width": 390, "height": 780}
Visit = Callable[..., "Page"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("there is no Chromium on this machine (Debian: apt-get install chromium)")
    rooted = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*rooted, "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def visit(house: Running, browser: Browser) -> Iterator[Visit]:
    """`visit(room, name)` opens the page as somebody; errors of its scripts fail the test."""
    contexts, wrong = [], list[str]()

    def open_page(room: str, name: str | None = "Ann", *, phone: bool = False, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport=PHONE if phone else WIDE, has_touch=phone, color_scheme="dark" if dark else "light",
            base_url=house.url, reduced_motion="reduce",
        )  # fmt: skip
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
        page.goto(f"/room/{room}")
        if name is not None:
            page.get_by_label("Your name", exact=True).fill(name)
            page.get_by_role("button", name="Come in").click()
            page.wait_for_selector("html[data-connected=true]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
