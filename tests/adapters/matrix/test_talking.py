"""What people write and do in rooms, as an independent client sends it, and what the bot is given of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).parents[1]))

from console_child import PICTURE

from core.chat.command import Opt, Repertoire, command
from core.chat.talk import Chat
from core.chat.types import Button, Picture, Post, Press, Progress
from tests.adapters.matrix.conftest import Together


@command("imagine", default=True, aliases=("draw",))
async def imagine(_chat: Chat[None], prompt: Annotated[str, Opt("What to draw")]) -> None:
    """Draw a picture."""
    del prompt


REPERTOIRE = Repertoire(imagine)


async def test_a_bare_sentence_is_for_the_bot_where_only_one_person_is(together: Together, encrypted: bool) -> None:
    """In a direct conversation, encrypted or not, every sentence is a call, and it is private."""
    pair = await together(encrypted=encrypted)
    event = await pair.ann.say(pair.room, "a red apple")
    call = await pair.call()
    assert (call.text, call.place.private, call.place.id) == ("a red apple", True, pair.room)
    assert call.message is not None
    assert (call.message.message, call.person.id) == (event, pair.ann.id)


async def test_in_company_the_bot_listens_only_when_it_is_meant(together: Together) -> None:
    """Prefix with a command, its name, a pill and a reply are for it; small talk and notices are not."""
    pair = await together(crowd=2, repertoire=REPERTOIRE)
    ann, room, name = pair.ann, pair.room, pair.me.partition(":")[0][1:]
    sent = await pair.bot.send((await pair.say("!imagine zero")).place, Post("Here."), key="k/answer")
    await ann.say(room, "hello everybody")
    await ann.say(room, "!weather in Paris")
    await ann.send(room, {"msgtype": "m.notice", "body": "!imagine never"})
    await ann.send(room, {"msgtype": "m.emote", "body": "!imagine never"})
    pill = f'<a href="https://matrix.to/#/{pair.me}">Largesse</a>: four'
    await ann.say(room, "!imagine one")
    await ann.say(room, f"{name}: two")
    await ann.say(room, f"{pair.me} three")
    await ann.say(room, "Largesse: four", format="org.matrix.custom.html", formatted_body=pill)
    await ann.answer(room, sent.ref.message, "> <@x:test> Here.\n> more\n\nfive")
    await ann.say(room, "/draw six")
    texts = [(await pair.call()).text for _ in range(6)]
    assert texts == ["imagine one", "two", "three", "four", "five", "draw six"]
    assert pair.recorder.events.empty()


async def test_pictures_come_along_from_uploads_and_from_what_is_replied_to(
    together: Together, encrypted: bool
) -> None:
    """A caption is the sentence, the picture its source; a reply takes the picture it answers; a bare one is none."""
    pair = await together(encrypted=encrypted)
    picture = await pair.ann.show(pair.room, PICTURE)
    await pair.ann.show(pair.room, PICTURE, caption="as watercolour")
    call = await pair.call()
    loaded = [await pair.bot.fetch(each) for each in call.pictures]
    assert (call.text, [each.data for each in loaded]) == ("as watercolour", [PICTURE])
    await pair.ann.answer(pair.room, picture, "as an etching")
    call = await pair.call()
    loaded = [await pair.bot.fetch(each) for each in call.pictures]
    assert (call.text, [each.data for each in loaded]) == ("as an etching", [PICTURE])
    assert call.target == call.person
    assert call.replied_to is not None
    assert call.replied_to.message == picture


async def test_a_thread_is_answered_in_the_thread(together: Together) -> None:
    """What is asked in a thread names it, and the answer stands there."""
    pair = await together()
    root = await pair.ann.say(pair.room, "one")
    await pair.call()
    thread = {"rel_type": "m.thread", "event_id": root, "is_falling_back": True, "m.in_reply_to": {"event_id": root}}
    call = await pair.say("two", **{"m.relates_to": thread})
    assert call.place.thread == root
    assert call.replied_to is None
    await pair.bot.send(call.place, Post("There.", reply_to=call.message), key="t/answer")
    (answer,) = await pair.ann.heard(pair.room, pair.me)
    relation = answer["content"]["m.relates_to"]
    assert (relation["rel_type"], relation["event_id"], relation["is_falling_back"]) == ("m.thread", root, False)


async def test_an_answer_says_all_that_clients_need(together: Together, encrypted: bool) -> None:
    """Size, blurhash, caption and alt text, for one person, with choices to press; what is hidden is a file."""
    pair = await together(encrypted=encrypted)
    call = await pair.say("a cat")
    picture = Picture(PICTURE, alt="A picture of a cat", name="cat.webp")
    buttons = (Button("Again", "again", "r", emoji="🔁"), Button("Delete", "delete", "r", emoji="🗑️"))
    sent = await pair.bot.send(call.place, Post("a cat", (picture,), buttons, reply_to=call.message), key="c/answer")
    shown = (await pair.ann.heard(pair.room, pair.me))[0]["content"]
    assert (shown["msgtype"], shown["body"], shown["filename"]) == ("m.image", "a cat", "cat.webp")
    assert shown["info"] | {"xyz.amorgan.blurhash": ""} == {
        "w": 8, "h": 8, "size": len(PICTURE), "mimetype": "image/webp", "xyz.amorgan.blurhash": "",
    }  # fmt: skip
    assert len(shown["info"]["xyz.amorgan.blurhash"]) > 10
    assert shown["m.mentions"] == {"user_ids": [pair.ann.id]}
    assert "A picture of a cat" in str(shown["org.matrix.msc1767.alt_text"])
    assert await pair.ann.picture(shown) == PICTURE
    assert ("file" in shown, "url" in shown) == (encrypted, not encrypted)
    await pair.ann.until(lambda: pair.ann.emoji(pair.room, sent.ref.message, pair.me) == {"🔁", "🗑️"})
    await pair.bot.send(call.place, Post("boo", (picture,), content_warning="spiders"), key="c/hidden")
    hidden = (await pair.ann.heard(pair.room, pair.me, count=2))[1]["content"]
    assert (hidden["msgtype"], hidden["body"]) == ("m.file", "⚠ spiders\nboo")
    assert "xyz.amorgan.blurhash" not in hidden["info"]


async def test_work_shows_on_the_request_and_its_progress_leaves_nothing(together: Together) -> None:
    """⏳ while it is worked on, ✅ when the answer stands; the one progress notice is edited and taken away."""
    pair = await together()
    event = await pair.ann.say(pair.room, "a cat")
    call = await pair.call()
    assert call.message is not None
    await pair.bot._connection.mouth.attend(call.message)
    await pair.ann.until(lambda: pair.ann.emoji(pair.room, event, pair.me) == {"⏳"})
    moving = Post("half", progress=Progress("half", 0.5), reply_to=call.message)
    sent = await pair.bot.send(call.place, moving, key="p/progress")
    (notice,) = await pair.ann.heard(pair.room, pair.me)
    assert (notice["content"]["msgtype"], notice["content"]["m.mentions"]) == ("m.notice", {})
    await pair.bot.edit(sent.ref, Post("nearly", progress=Progress("nearly", 0.9)))
    await pair.ann.until(lambda: pair.ann.standing(pair.room, pair.me)[0]["content"]["body"] == "nearly")
    await pair.bot.delete(sent.ref)
    await pair.bot.send(call.place, Post("Here.", reply_to=call.message), key="p/answer")
    await pair.ann.until(lambda: pair.ann.emoji(pair.room, event, pair.me) == {"✅"})
    assert [each["content"]["body"] for each in pair.ann.standing(pair.room, pair.me)] == ["Here."]


async def test_emoji_come_and_go_as_events(together: Together, encrypted: bool) -> None:
    """Shades are folded, an edit stands for its original, two alike count once, a redaction takes back."""
    pair = await together(encrypted=encrypted)
    event = await pair.ann.say(pair.room, "a cat")
    await pair.call()
    edit = await pair.ann.change(pair.room, event, "a dog")
    put = await pair.ann.react(pair.room, edit, "👍🏽")
    reaction = await pair.reaction()
    assert (reaction.emoji, reaction.added, reaction.target.message) == ("👍", True, event)
    assert (reaction.person.id, reaction.author) == (pair.ann.id, reaction.person)
    assert reaction.person.manages
    twin = await pair.ann.react(pair.room, event, "👍🏿")
    await pair.ann.redact(pair.room, put)
    await pair.ann.redact(pair.room, twin)
    gone = await pair.reaction()
    assert (gone.emoji, gone.added, gone.target.message) == ("👍", False, event)
    await pair.ann.react(pair.room, event, "mxc://test/abc", shortcode=":gem:")
    assert (await pair.reaction()).emoji == ":gem:"
    assert pair.recorder.events.empty()


async def test_a_changed_message_counts_once_and_offers_to_run_again(together: Together) -> None:
    """Words that became a request by an edit are one; a request changed after it was taken is run again on a press."""
    pair = await together(crowd=1, repertoire=REPERTOIRE)
    late = await pair.ann.say(pair.room, "imagin a fox")
    await pair.ann.change(pair.room, late, "!imagine a fox")
    assert (await pair.call()).text == "imagine a fox"
    event = await pair.ann.say(pair.room, "!imagine a cat")
    first = await pair.call()
    await pair.ann.change(pair.room, event, "!imagine a dog")
    await pair.ann.until(lambda: pair.ann.emoji(pair.room, event, pair.me) == {"🔁"})
    await pair.ann.react(pair.room, event, "🔁")
    again = await pair.call()
    assert (first.text, again.text) == ("imagine a cat", "imagine a dog")
    assert first.key != again.key
    assert again.message == first.message


async def test_words_that_are_taken_away_withdraw_the_request(together: Together) -> None:
    """Whoever deletes their request takes it back."""
    pair = await together()
    event = await pair.ann.say(pair.room, "a cat")
    call = await pair.call()
    await pair.ann.redact(pair.room, event)
    press = await pair.event()
    assert isinstance(press, Press)
    assert (press.action, press.arg, press.person.id) == ("withdraw", call.key, pair.ann.id)
