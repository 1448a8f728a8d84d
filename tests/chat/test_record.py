"""Events survive being written down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chat import record
from core.chat.types import Call, Event, MessageRef, Person, Picture, Place, Press, Reaction

TEXT = st.text(max_size=20)
ROLES = st.lists(TEXT, max_size=2).map(tuple)
PERSON = st.builds(
    Person, TEXT, TEXT, TEXT, is_bot=st.booleans(), moderates=st.booleans(), manages=st.booleans(), roles=ROLES
)
PLACE = st.builds(
    Place,
    TEXT,
    TEXT,
    private=st.booleans(),
    nsfw=st.booleans(),
    thread=st.none() | TEXT,
    community=TEXT,
    inside=ROLES,
    via=TEXT,
)
REF = st.builds(MessageRef, TEXT, TEXT, TEXT)
PICTURE = st.builds(
    Picture, data=st.none() | st.binary(max_size=20), url=st.none() | TEXT, alt=TEXT, spoiler=st.booleans()
)
ARGS = st.dictionaries(TEXT, TEXT | st.integers() | st.booleans() | st.none() | PICTURE, max_size=4)
CALL = st.builds(
    Call,
    key=TEXT,
    person=PERSON,
    place=PLACE,
    message=st.none() | REF,
    text=TEXT,
    command=st.none() | TEXT,
    args=ARGS,
    pictures=st.lists(PICTURE, max_size=2).map(tuple),
    replied_to=st.none() | REF,
    target=st.none() | PERSON,
)
PRESS = st.builds(Press, TEXT, TEXT, TEXT, PERSON, PLACE, REF, fields=st.dictionaries(TEXT, TEXT, max_size=2))
REACTION = st.builds(Reaction, TEXT, TEXT, st.booleans(), PERSON, PLACE, REF, st.none() | PERSON)


@given(CALL | PRESS | REACTION)
def test_what_is_written_down_is_read_back(event: Event) -> None:
    """Every field, bytes of pictures included."""
    read = record.load(record.dump(event))
    assert read == event
    assert read.place.via == event.place.via


@pytest.mark.parametrize("text", ["", "[]", '{"event": "Song"}', '{"event": "Press"}', '{"a": 1}'])
def test_what_is_none_of_ours_is_refused(text: str) -> None:
    """With the errors that the caller expects."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        record.load(text)
