"""Taking a request back, and taking pictures away again: for the person who asked, and moderators may take away."""

from __future__ import annotations

from dataclasses import replace

from core.chat.command import button
from core.chat.talk import Chat
from core.chat.types import Press
from core.errors import NotAllowed, NotFound
from core.generation import Ticket
from core.house import House, Remembered, RequestState


@button("cancel", words=("cancel", "stop"))
async def cancel(chat: Chat[House], press: Press) -> None:
    """Stop a request; the conversation that follows it shows what was finished by then."""
    request = await _own(chat, press, "stop")
    if request.state == RequestState.DONE:
        raise NotFound("That is finished already.")
    await chat.house.requests.change_request(press.arg, state=RequestState.TAKEN_BACK)


@button("delete", words=("delete",))
async def delete(chat: Chat[House], press: Press) -> None:
    """Remove everything that shows a request from this place, the message with the button last."""
    if not press.person.moderates:
        await _own(chat, press, "delete")
    shown = await chat.posts_about(press.arg)
    for ref in [each for each in shown if each != press.message]:
        await chat.delete(ref)
    await chat.delete(press.message)


@button("withdraw")
async def withdraw(chat: Chat[House], press: Press) -> None:
    """The message that asked was deleted: stop, and remove what shows it. `arg` is the key of that message's event.

    No post carries this button; a platform presses it where it hears that somebody took their words away.
    """
    name = Ticket.name(press.arg)
    if await chat.house.requests.request(name) is None:
        return  # it asked for nothing that is drawn
    await _own(chat, replace(press, arg=name), "stop")
    await chat.house.requests.change_request(name, state=RequestState.TAKEN_BACK)
    for ref in await chat.posts_about(name):
        await chat.delete(ref)


async def _own(chat: Chat[House], press: Press, verb: str) -> Remembered:
    """The request behind the button.

    Raises:
        NotAllowed: it is somebody else's.
        NotFound: it is not known any more.
    """
    request = await chat.house.requests.request(press.arg)
    if request is None:
        raise NotFound("I no longer know that request.")
    if (request.platform, request.person) != (press.person.platform, press.person.id):
        raise NotAllowed(f"Only the person who asked for this picture can {verb} it.")
    return request
