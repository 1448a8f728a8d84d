"""The port of Reddit: reads the inbox and the subreddits that opted in, answers in threads, shows pictures at home.

What comes in is marked as read once the bot has it, so that nothing is lost while it is down; what goes out is written
down first and looked for on Reddit before it is tried again, since Reddit itself would take it twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from adapters.reddit import guest, show
from adapters.reddit.access import Access, Account, Budget, KeyRefused, Unwelcome
from adapters.reddit.checkup import findings
from adapters.reddit.ears import Ears
from adapters.reddit.gallery import Gallery, Waits
from adapters.reddit.guest import Guest, Way
from adapters.reddit.memory import Answer, Memory
from adapters.reddit.read import NAME, is_ours
from core import log
from core.chat.port import Dispatching, Limits, SendFailed, SendRefused
from core.chat.types import Manner, MessageRef, Person, Picture, Place, Post, Sent
from core.errors import ConfigError, NotFound
from core.findings import Finding, Health

logger = log.get(__name__)


@dataclass(frozen=True)
class Pace:
    """Seconds between two looks at Reddit."""

    inbox: float = 6.0
    comments: float = 15.0
    second_look: float = 300.0
    shadow: float = 6 * guest.HOUR
    trouble: tuple[float, float] = (5.0, 300.0)
    """After a failure: the first time, and at most."""
    looks: tuple[float, ...] = guest.LOOKS
    waits: Waits = field(default_factory=Waits)


class Reddit:
    """Reddit as a platform.

    Args:
        client_id: of the app that Reddit approved.
        client_secret: its secret.
        username: the bot's name.
        password: the bot's password; not needed with a refresh token.
        refresh_token: instead of the password.
        operator: name of the Redditor who answers for the bot.
        subreddit: where picture posts go; empty = the bot's profile.
        flair: of picture posts.
        listen_in: subreddits that opted in to `!imagine`.
        about_url: page that says what the bot is; empty = its profile.
        replies_per_hour: comments in one subreddit.
        remove_below: comments with a lower score are removed.
        calls_per_minute: of Reddit's API.
        data_dir: the folder `reddit` in it keeps what must survive a restart.
        connector: makes the connector of the session; None = the usual one.
        pace: how often Reddit is looked at.

    Raises:
        ConfigError: something is missing, or the memory cannot be used.
    """

    name = NAME

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: SecretStr,
        username: str,
        password: SecretStr,
        refresh_token: SecretStr,
        operator: str,
        subreddit: str,
        flair: str,
        listen_in: Sequence[str],
        about_url: str,
        replies_per_hour: int,
        remove_below: int,
        calls_per_minute: int,
        data_dir: Path,
        connector: Callable[[], aiohttp.BaseConnector] | None = None,
        pace: Pace | None = None,
    ) -> None:
        if not find_spec("asyncpraw"):
            raise ConfigError(f"Reddit needs 'asyncpraw'; install it with: pip install '.[{NAME}]'.")
        account = Account(client_id, client_secret, username, password, refresh_token, operator)
        _check(account)
        self._pace, self._listen_in, self._username = pace or Pace(), listen_in, username
        self._about = about_url or f"https://www.reddit.com/user/{username}/"
        home = (subreddit or f"u_{username}").lower()
        self._memory = Memory(data_dir / NAME / "reddit.db")
        self._access = Access(account, Budget(calls_per_minute), connector)
        self._home = home
        self._gallery = Gallery(self._access, self._memory, subreddit=home, flair=flair, waits=self._pace.waits)
        self._guest = Guest(
            self._access,
            self._memory,
            home=home,
            per_hour=replies_per_hour,
            remove_below=remove_below,
            looks=self._pace.looks,
        )
        self._ears = Ears(
            self, self._access, self._memory, self._guest, self._gallery, name=username, listen_in=listen_in
        )

    @classmethod
    async def examine(cls, **settings: Any) -> AsyncGenerator[Finding]:  # noqa: ANN401  # as for the class
        """What the doctor says about these settings."""
        try:
            port = cls(**settings)
        except ConfigError as error:
            yield Finding(Health.BAD, NAME, str(error))
            return
        try:
            async for finding in findings(port._access, port._guest, name=port._username, home=port._home):
                yield finding
        finally:
            await port._access.close()
            port.close()

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()

    @property
    def limits(self) -> Limits:
        """What fits into a comment and a gallery."""
        return show.LIMITS

    async def run(self, dispatch: Dispatching) -> None:
        """Listen until cancelled.

        Raises:
            KeyRefused: Reddit does not take the bot's key.
        """
        try:
            me = await self._access.get("api/v1/me")
            self._guest.introduce(float(me.get("created_utc") or 0.0))
            async with asyncio.TaskGroup() as group:
                group.create_task(self._often(self._pace.inbox, lambda: self._ears.read_inbox(dispatch)))
                if self._listen_in:
                    group.create_task(self._often(self._pace.comments, lambda: self._ears.read_comments(dispatch)))
                group.create_task(self._often(self._pace.second_look, self._look_again))
                group.create_task(self._often(self._pace.shadow, self._look_at_myself))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        finally:
            await self._access.close()

    async def send(self, place: Place, post: Post, *, key: str) -> Sent:
        """Answer in the thread, with a link to the pictures at home; or at home, where the thread wants no more."""
        parent = post.reply_to.message if post.reply_to else place.thread
        if parent is None:
            raise SendRefused("On Reddit I only answer.")
        subreddit = "" if place.private else place.id
        answer = await self._memory.begin(key, place=place.id, parent=parent, subreddit=subreddit)
        if answer.message:
            return _sent(answer, answer.message)
        way = await self._way(place, post)
        if way is Way.NOWHERE or (way is Way.HOME and not post.pictures):
            raise SendRefused(f"I do not speak in r/{place.id}.")
        voice = show.Voice(self._about, brief=post.manner is Manner.MINIMAL)
        text, made = await self._shown(answer, post, voice, nsfw=place.nsfw or post.content_warning is not None)
        if way is Way.HOME:
            if made is None:
                raise SendRefused(f"I do not speak in r/{place.id}, and the pictures could not be shown elsewhere.")
            asked = (await self._access.info([parent])).get(parent)
            body = voice.comment(text, key, to=str(asked["author"]) if asked and asked.get("author") else None)
            return await self._say(answer, made, body, subreddit=self._gallery.subreddit)
        link = f"https://redd.it/{made.removeprefix('t3_')}" if made else None
        return await self._say(answer, parent, voice.comment(text, key, link=link), subreddit=subreddit)

    async def fetch(self, picture: Picture) -> Picture:
        """The picture of a post, from Reddit's own hosts, which alone are asked."""
        address = picture.url
        data = await self._access.picture(address) if address and is_ours(address) else None
        if data is None:
            raise NotFound("I could not find a picture there that I can draw over.")
        return replace(picture, data=data)

    async def find(self, place: Place, key: str) -> Sent | None:
        """Look among our newest comments, then under what it would answer; what was never begun is not there."""
        del place  # it is written down beside the key
        answer = await self._memory.answer(key)
        if answer is None or answer.message:
            return _sent(answer, answer.message) if answer and answer.message else None
        async with self._in(answer.subreddit):
            found = await self._mine(key)
            if found is None and not answer.parent.startswith("t4_"):
                found = _marked(await self._access.below(answer.parent), key)
        if found is None:
            return None
        return await self._stands(answer, found, subreddit=answer.subreddit)

    async def edit(self, ref: MessageRef, post: Post) -> None:
        """Change what a comment says; its mark stays."""
        answer = await self._memory.by_message(ref.message)
        if answer is None:
            raise SendRefused("That comment is not mine.")
        text = show.Voice(self._about).comment(post.text, answer.key)
        await self._access.post("api/editusertext/", thing_id=ref.message, text=text)

    async def react(self, ref: MessageRef, emoji: str) -> None:
        """Refused: Reddit has no emoji, and a bot does not vote."""
        del emoji
        raise SendRefused(f"There are no reactions on Reddit, not even to {ref.message}.")

    async def whisper(self, person: Person, place: Place, post: Post, *, key: str) -> Sent:
        """Only where the person wrote in private: nobody gets a message who did not write first."""
        if not place.private:
            raise SendRefused(f"I do not write to {person.name}, who has not written to me.")
        return await self.send(place, post, key=key)

    async def delete(self, ref: MessageRef) -> None:
        """Remove a comment and its picture post."""
        if ref.message.startswith("t4_"):
            raise SendRefused("A private message cannot be taken back on Reddit.")
        answer = await self._memory.by_message(ref.message)
        for fullname in (ref.message, answer.post if answer else None):
            if fullname:
                await self._access.post("api/del/", id=fullname)

    async def _way(self, place: Place, post: Post) -> Way:
        """How a post is to be said, as the moderators want it and as Reddit bears it."""
        if place.private:
            return Way.THERE
        if post.manner is Manner.OFF:
            return Way.NOWHERE
        way = await self._guest.way(place.id)
        return Way.HOME if way is Way.THERE and post.manner is Manner.SILENT else way

    async def _shown(self, answer: Answer, post: Post, voice: show.Voice, *, nsfw: bool) -> tuple[str, str | None]:
        """The text of an answer and its picture post, made now; where there can be none, the text says so."""
        if not post.pictures:
            return post.text, None
        try:
            return post.text, await self._gallery.put(answer, post, voice, nsfw=nsfw)
        except SendRefused as error:
            logger.warning("picture_post_refused", subreddit=self._gallery.subreddit, reason=str(error))
            links = [each.url for each in post.pictures if each.url]
            said = links or [f"(The picture could not be posted: {error})"]
            return "\n".join([post.text, *said]), None

    async def _say(self, answer: Answer, parent: str, body: str, *, subreddit: str) -> Sent:
        async with self._in(answer.subreddit if subreddit == answer.subreddit else ""):
            said = await self._access.post("api/comment/", thing_id=parent, text=body)
        # A quarantined subreddit takes the comment and does not show it in the answer.
        fullname = str(said[0]["name"]) if said else await self._mine(answer.key)
        if fullname is None:
            raise SendFailed("Reddit did not say whether it took the comment.")
        return await self._stands(answer, fullname, subreddit=subreddit)

    async def _stands(self, answer: Answer, fullname: str, *, subreddit: str) -> Sent:
        look = self._guest.next_look(0) if fullname.startswith("t1_") else None
        await self._memory.stands(answer.key, fullname, subreddit=subreddit, next_look=look)
        return _sent(answer, fullname)

    @asynccontextmanager
    async def _in(self, subreddit: str) -> AsyncGenerator[None]:
        """Whoever is shown the door there remembers it."""
        try:
            yield
        except Unwelcome as error:
            await self._guest.banned(subreddit, str(error))
            raise

    async def _mine(self, key: str) -> str | None:
        return _marked(await self._access.mine("comments"), key)

    async def _often(self, pause: float, look: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Look again and again; while Reddit is in trouble, less and less often."""
        first, longest = self._pace.trouble
        wait = first
        while True:
            try:
                await look()
            except KeyRefused:
                raise
            except (SendFailed, SendRefused) as error:
                asked = error.retry_after if isinstance(error, SendFailed) else None
                logger.warning("reddit_troubled", reason=str(error), again_in=max(wait, asked or 0.0))
                await asyncio.sleep(max(wait, asked or 0.0))
                wait = min(2 * wait, longest)
            else:
                wait = first
                await asyncio.sleep(pause)

    async def _look_again(self) -> None:
        """See how what was said was taken, and remove what is disliked."""
        for each in await self._guest.look_again():
            logger.info("comment_disliked", subreddit=each.subreddit, message=each.message)
            await self._access.post("api/del/", id=each.message or "")

    async def _look_at_myself(self) -> None:
        await self._guest.is_shadowed(self._username)


def _check(account: Account) -> None:
    """Say what is missing before Reddit does."""
    missing = [name for name in ("client_id", "username", "operator") if not getattr(account, name)]
    if not account.client_secret.get_secret_value():
        missing.append("client_secret")
    if not account.password.get_secret_value() and not account.refresh_token.get_secret_value():
        missing.append("password (or refresh_token)")
    if missing:
        raise ConfigError(f"[{NAME}] needs {', '.join(missing)}; docs/reddit.md says how to get them.")


def _sent(answer: Answer, message: str) -> Sent:
    return Sent(MessageRef(NAME, answer.place, message))


def _marked(found: Iterable[Mapping[str, Any]], key: str) -> str | None:
    marks = {show.marked(str(each.get("body") or "")): str(each["name"]) for each in found if "name" in each}
    return marks.get(show.mark(key))
