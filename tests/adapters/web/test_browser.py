"""The chat page as people use it, in a headless Chromium, with the whole system behind it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.adapters.web.conftest import Visit
from tests.adapters.web.house import Running

if TYPE_CHECKING:
    from playwright.sync_api import Page, WebSocketRoute

APPLE = "draw a red apple on a blue background"
pytestmark = pytest.mark.timeout(60)


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_label("Message", exact=True).press("Enter")


def wait_pictures(page: Page, count: int) -> None:
    """So many pictures stand there, each loaded."""
    page.wait_for_function(
        "count => { const all = [...document.querySelectorAll('#log .pictures img')];"
        " return all.length === count && all.every(each => each.complete && each.naturalWidth > 0) }",
        arg=count,
    )


def wait_text(page: Page, text: str) -> None:
    page.locator("#log article", has_text=text).first.wait_for()


def texts(page: Page) -> list[str]:
    return page.locator("#log .words").all_inner_texts()


def upload(page: Page, name: str, size: tuple[int, int] = (320, 200)) -> None:
    out = io.BytesIO()
    Image.new("RGB", size, "orange").save(out, "PNG")
    file: Any = {"name": name, "mimeType": "image/png", "buffer": out.getvalue()}
    page.locator("#file").set_input_files([file])
    page.locator("#attached li").wait_for()


def test_a_sentence_becomes_a_picture(visit: Visit, house: Running) -> None:
    """It is described, opens large with everything about it, is downloaded, and is the source of the next one."""
    page = visit(house.room())
    say(page, APPLE)
    wait_pictures(page, 1)
    alt = "A picture drawn by the model little from the words: a red apple on a blue background"
    assert page.locator("#log .pictures img").get_attribute("alt") == alt
    page.get_by_role("button", name=f"Open large: {alt}").click()
    facts = page.locator("#facts").inner_text()
    seed = re.search(r"Seed: (\d+)", facts)
    assert seed is not None
    assert all(each in facts for each in ("a red apple on a blue background", "Steps: 16", "Sampler:", alt))
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download").click()
    assert downloading.value.suggested_filename == f"a-red-apple-on-a-blue-background_{seed[1]}.webp"
    with Image.open(downloading.value.path()) as image:
        assert (image.format, image.size) == ("WEBP", (128, 128))
    page.get_by_role("button", name="Use as source").click()
    page.keyboard.type("it in oil")
    page.keyboard.press("Enter")
    wait_pictures(page, 3)
    page.get_by_role("button", name=re.compile("Open large: .*it in oil")).click()
    assert "Denoising strength: 0.6" in page.locator("#facts").inner_text()


def test_progress_moves_and_can_be_cancelled(visit: Visit, house: Running) -> None:
    """Steps are counted while it is drawn; Cancel ends it and the bar goes."""
    page = visit(house.room())
    say(page, "draw a frog [[slow]] --steps 40")
    page.locator("#moving p", has_text=re.compile(r"step \d+ of 40")).wait_for()
    assert 0 < float(page.locator("#moving progress").get_attribute("value") or 0) < 1
    page.wait_for_function("() => document.querySelector('#moving img')?.naturalWidth > 0")
    assert page.locator("#moving img").get_attribute("alt") == "How the picture looks so far"
    page.get_by_role("button", name="Cancel").last.click()
    wait_text(page, "I stopped it")
    page.wait_for_function("() => document.querySelector('#moving').childElementCount === 0")


def test_buttons_and_reactions_do_the_same(visit: Visit, house: Running) -> None:
    """Again and its emoji both draw again; a plain emoji is only shown, and taken away again."""
    page = visit(house.room())
    say(page, "draw a frog")
    wait_pictures(page, 1)
    page.get_by_role("button", name="Again").first.click()
    wait_pictures(page, 2)
    page.get_by_role("button", name=re.compile("React to largesse")).first.click()
    page.locator("#picker").get_by_role("button", name="🔁").click()
    wait_pictures(page, 3)
    page.get_by_role("button", name=re.compile("React to Ann")).first.click()
    page.locator("#picker").get_by_role("button", name="🎉").click()
    mine = page.get_by_role("button", name="🎉 from Ann")
    mine.wait_for()
    assert mine.get_attribute("aria-pressed") == "true"
    mine.click()
    mine.wait_for(state="detached")


def test_an_upload_is_the_source(visit: Visit, house: Running) -> None:
    """A picture from the disk goes along, is shown with the message, and the new one has its shape."""
    page = visit(house.room())
    upload(page, "my cat.png", (390, 200))
    say(page, "draw it in oil --strength 0.4")
    wait_pictures(page, 2)
    page.get_by_role("button", name=re.compile("Open large: A picture drawn")).click()
    facts = page.locator("#facts").inner_text()
    assert "Denoising strength: 0.4" in facts
    assert "Size: 192x64" in facts


def test_what_is_no_picture_is_refused(visit: Visit, house: Running) -> None:
    """The reason stands beside the message box."""
    page = visit(house.room())
    page.locator("#file").set_input_files([{"name": "a.png", "mimeType": "image/png", "buffer": b"<svg/>"}])
    page.locator("#problem", has_text="That is no picture").wait_for()


def test_two_people_talk_and_draw(visit: Visit, house: Running) -> None:
    """Each sees the other's words and pictures at once; small talk draws nothing; the direct place is one's own."""
    room = house.room()
    ann, ben = visit(room, "Ann"), visit(room, "Ben")
    ann.locator("#people", has_text="Ann, Ben").wait_for()
    say(ann, "good morning, who would like a frog?")
    wait_text(ben, "good morning")
    say(ben, "me! draw it please")
    say(ben, "draw a green frog")
    say(ann, "@largesse a blue star")
    wait_pictures(ann, 2)
    wait_pictures(ben, 2)
    assert sorted(texts(ann)) == sorted(texts(ben))
    assert len(texts(ann)) == 6
    whose = ann.locator("#log article", has_text="green frog").filter(has=ann.locator("img"))
    whose.get_by_role("button", name="🗑️ Delete").click()
    wait_text(ann, "Only the person who asked")
    assert not any("Only the person" in text for text in texts(ben))
    ann.get_by_role("link", name="Direct with the bot").click()
    ann.wait_for_selector("html[data-connected=true]")
    say(ann, "a secret garden")
    wait_pictures(ann, 1)
    ben.goto("/room/direct")
    ben.wait_for_selector("html[data-connected=true]")
    assert texts(ben) == []


def test_a_lost_connection_loses_and_repeats_nothing(visit: Visit, house: Running) -> None:
    """Cut in the middle of a picture: what was said meanwhile on both sides stands there once, in order."""
    room = house.room()
    ben = visit(room, "Ben")
    page = visit(room, None)
    sockets: list[WebSocketRoute] = []
    away = {"yes": False}

    def route(socket: WebSocketRoute) -> None:
        if away["yes"]:
            socket.close()
            return
        sockets.append(socket)
        socket.connect_to_server()

    page.route_web_socket(re.compile("/live"), route)
    page.reload()
    page.get_by_label("Your name", exact=True).fill("Ann")
    page.get_by_role("button", name="Come in").click()
    page.wait_for_selector("html[data-connected=true]")
    say(page, "draw a frog [[slow]] --steps 12")
    page.locator("#moving progress").wait_for()
    away["yes"] = True
    sockets[-1].close()
    page.locator("#connection", has_text="Not connected").wait_for()
    say(ben, "are you still there?")
    say(page, "written while away")
    page.locator("article.pending", has_text="written while away").wait_for()
    wait_pictures(ben, 1)
    away["yes"] = False
    wait_pictures(page, 1)
    wait_text(ben, "written while away")
    page.wait_for_function("() => !document.querySelector('.pending')")
    assert sorted(texts(page)) == sorted(texts(ben))
    assert texts(page).count("written while away") == 1
    assert len(texts(page)) == 4
    page.reload()
    wait_pictures(page, 1)
    assert sorted(texts(page)) == sorted(texts(ben))


def test_messages_are_edited_deleted_and_answered(visit: Visit, house: Running) -> None:
    """Others see it at once; a thread can be looked at alone."""
    room = house.room()
    ann, ben = visit(room, "Ann"), visit(room, "Ben")
    say(ann, "one")
    say(ann, "two")
    wait_text(ben, "two")
    ann.get_by_role("button", name="Edit Ann: one").click()
    say(ann, "first")
    wait_text(ben, "first")
    assert ben.locator(".edited").inner_text() == "edited"
    ben.get_by_role("button", name="Reply to Ann: first").click()
    say(ben, "answer")
    wait_text(ann, "answer")
    assert ann.locator(".quote").inner_text() == "Ann: first"
    ann.get_by_role("button", name="Show this thread").click()
    assert ann.locator("#log article:visible .words").all_inner_texts() == ["first", "answer"]
    ann.get_by_role("button", name="Show everything").click()
    ann.once("dialog", lambda dialog: dialog.accept())
    ann.get_by_role("button", name="Delete Ann: two").click()
    ben.locator("#log article", has_text="two").wait_for(state="detached")
    assert not ben.get_by_role("button", name="Delete Ann").count()


def test_the_keyboard_is_enough(visit: Visit, house: Running) -> None:
    """Commands, options and values are completed; a picture is drawn, opened and closed without a mouse."""
    page = visit(house.room())
    page.keyboard.type("/im")
    page.get_by_role("option", name="/imagine").wait_for()
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("Message", exact=True).get_attribute("aria-activedescendant") == "offer0"
    page.keyboard.press("Enter")
    page.keyboard.type("a fox --sty")
    page.get_by_role("option", name="--style").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.type("nig")
    page.get_by_role("option", name="night").wait_for()
    page.keyboard.press("Tab")
    assert page.get_by_label("Message", exact=True).input_value() == "/imagine a fox --style night "
    page.keyboard.press("Enter")
    wait_pictures(page, 1)
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if "Open large" in (page.evaluate("document.activeElement.getAttribute('aria-label')") or ""):
            break
    page.keyboard.press("Enter")
    page.locator("#large[open]").wait_for()
    page.keyboard.press("Escape")
    page.locator("#large:not([open])").wait_for(state="attached")
    assert "Open large" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.locator("#scroll").focus()
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.tagName") == "ARTICLE"


EVIL = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"


def test_nothing_that_people_write_is_markup(visit: Visit, house: Running) -> None:
    """Names, sentences, prompts (so alt texts), file names, edits: all of it stays text."""
    room = house.room()
    ann, ben = visit(room, "<b onclick=1>An</b>"), visit(room, "Ben")
    upload(ann, "\"><img src=x onerror='window.hacked=1'>.png")
    say(ann, f"draw {EVIL}")
    wait_pictures(ben, 2)
    say(ann, f"javascript:window.hacked=1 https://example.org/{EVIL}")
    wait_text(ben, "javascript:")
    ann.get_by_role("button", name="Edit <b onclick=1>An</b>: javascript").click()
    say(ann, f"changed {EVIL}")
    for page in (ann, ben):
        wait_text(page, "changed <img")
        page.locator(".pictures button").last.click()
        assert EVIL in page.locator("#facts").inner_text()
        found = page.evaluate(
            "[window.hacked ?? null, document.querySelectorAll('img[src=x], article script, article b').length,"
            " [...document.links].filter(each => !/^https?:|^$/.test(each.protocol)).length]"
        )
        assert found == [None, 0, 0]
        assert EVIL in (page.locator("#largeimage").get_attribute("alt") or "")
    assert "<b onclick=1>An</b>" in ben.locator("#people").inner_text()


def test_history_stays_and_goes_back(visit: Visit, house: Running) -> None:
    """After a reload everything stands there; older messages come when asked for, without a jump or a gap."""
    room = house.room()
    page, other = visit(room), visit(room, "Ben")
    for number in range(60):
        say(page, f"line {number}")
    wait_text(page, "line 59")
    page.wait_for_function("() => !document.querySelector('.pending')")
    page.reload()
    page.wait_for_selector("html[data-connected=true]")
    assert texts(page) == [f"line {number}" for number in range(10, 60)]
    other.get_by_role("button", name="React to Ann: line 3", exact=True).click()
    other.locator("#picker").get_by_role("button", name="👍").click()
    other.get_by_role("button", name="React to Ann: line 30", exact=True).click()
    other.locator("#picker").get_by_role("button", name="👍").click()
    page.get_by_role("button", name="👍 from Ben").wait_for()
    assert page.locator("#log article").count() == 50
    page.get_by_role("button", name="Show earlier messages").click()
    page.wait_for_function("() => document.querySelectorAll('#log article').length === 60")
    assert texts(page) == [f"line {number}" for number in range(60)]
    assert page.get_by_role("button", name="👍 from Ben").count() == 2


def test_light_dark_and_phone(visit: Visit, house: Running, tmp_path: Path) -> None:
    """The system's choice holds until another is made, which survives a reload; nothing is wider than a phone."""
    page = visit(house.room(), phone=True, dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    say(page, APPLE)
    wait_pictures(page, 1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = page.get_by_role("button", name="Send").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 780
    page.screenshot(path=tmp_path / "phone.png")
    page.get_by_role("button", name="Theme: system").click()
    light = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == light


def serious(page: Page) -> list[str]:
    """What axe-core finds wrong, serious or worse."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html']}" for each in found if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]]  # fmt: skip


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (False, True), (True, False), (True, True)])
def test_everybody_can_use_it(visit: Visit, house: Running, phone: bool, dark: bool) -> None:
    """An accessibility engine finds nothing serious: empty, in use, with each dialog and the completion open."""
    room = house.room()
    page = visit(room, None, phone=phone, dark=dark)
    assert serious(page) == []
    page.get_by_label("Your name", exact=True).fill("Ann")
    page.get_by_role("button", name="Come in").click()
    page.wait_for_selector("html[data-connected=true]")
    page.locator("#examples button").first.wait_for()
    assert serious(page) == []
    upload(page, "cat.png")
    say(page, "draw it in oil")
    wait_pictures(page, 2)
    page.get_by_role("button", name=re.compile("React to Ann")).first.click()
    assert serious(page) == []
    page.locator("#picker").get_by_role("button", name="👍").click()
    say(page, "draw a frog [[slow]] --steps 12")
    page.locator("#moving progress").wait_for()
    page.get_by_label("Message", exact=True).fill("/")
    page.get_by_role("option").first.wait_for()
    assert serious(page) == []
    page.locator(".pictures button").first.click()
    assert serious(page) == []
