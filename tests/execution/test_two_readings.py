"""Two readings: what both show lasts; what one of them could not see is cleared by nobody."""

from __future__ import annotations

import pytest

from volguard.execution.reconcile import Difference, DifferenceKind
from volguard.execution.two_readings import BOOKS, RESTS_ON, Reading, confirm
from volguard.model.broker import BrokerView

K = DifferenceKind


def difference(kind: DifferenceKind, subject: str = "x", theirs: str = "+65") -> Difference:
    return Difference(kind=kind, subject=subject, ours="none", theirs=theirs, reason="why")


def reading(*found: Difference, unread: tuple[str, ...] = ()) -> Reading:
    missing = tuple(difference(K.UNREAD, name) for name in unread)
    return Reading(differences=(*found, *missing), read=frozenset(BOOKS) - set(unread))


def told(first: Reading, second: Reading) -> tuple[list[str], list[str]]:
    """Kinds that last, kinds in motion."""
    done = confirm(first, second)
    return [one.kind.value for one in done.lasting], [one.kind.value for one in done.moving]


def test_what_both_readings_show_lasts_as_seen_last() -> None:
    """Same kind and subject; the figures may have moved on."""
    done = confirm(
        reading(difference(K.POSITION, theirs="+65")), reading(difference(K.POSITION, theirs="+130"))
    )
    assert [one.theirs for one in done.lasting] == ["+130"] and done.moving == ()


def test_what_one_reading_shows_was_in_motion() -> None:
    """In whichever of the two, and of another subject too."""
    assert told(reading(difference(K.POSITION)), reading()) == ([], ["position"])
    assert told(reading(), reading(difference(K.LOST_ORDER))) == ([], ["lost_order"])
    both = told(reading(difference(K.POSITION, "a")), reading(difference(K.POSITION, "b")))
    assert both == ([], ["position", "position"])


@pytest.mark.parametrize("kind", [kind for kind in DifferenceKind if RESTS_ON[kind] and kind is not K.UNREAD])
def test_a_reading_that_could_not_look_clears_nothing(kind: DifferenceKind) -> None:
    """A difference seen once counts when the other reading lacks a book that it rests on."""
    book = RESTS_ON[kind][0]
    blind, seen = reading(unread=(book,)), reading(difference(kind))
    assert told(blind, seen) == ([kind.value], ["unread"])
    assert told(seen, blind) == ([kind.value], ["unread"])
    other = next(name for name in BOOKS if name not in RESTS_ON[kind])
    half_blind = reading(unread=(other,))
    assert told(half_blind, seen)[0] == []


def test_a_book_that_neither_reading_has_lasts_as_unread() -> None:
    """It proves nothing."""
    assert told(reading(unread=("trades",)), reading(unread=("trades",))) == (["unread"], [])


@pytest.mark.parametrize(
    ("first", "second"), [(a, b) for a in BOOKS for b in BOOKS if a != b] + [(("orders", "trades"), "trades")]
)
def test_two_halves_are_no_whole_reading(first: str | tuple[str, ...], second: str) -> None:
    """Trades missing first, orders missing then: no reading had all three books, so nothing agrees."""
    blind = (first,) if isinstance(first, str) else first
    lasting, moving = told(reading(unread=blind), reading(unread=(second,)))
    assert lasting == ["unread"] * len({*blind, second}) and moving == []


def test_one_whole_reading_is_enough() -> None:
    """Whichever of the two it was: what the other could not read was in motion."""
    assert told(reading(unread=("trades", "orders")), reading()) == ([], ["unread", "unread"])
    assert told(reading(), reading(unread=("positions",))) == ([], ["unread"])


def test_every_kind_says_what_it_rests_on() -> None:
    """A new kind of difference must say which books clear it."""
    assert set(RESTS_ON) == set(DifferenceKind)


def test_a_reading_knows_which_books_its_view_has() -> None:
    """None is not read; an empty book is."""
    view = BrokerView(orders=(), trades=None, positions=(), unread="away")
    assert Reading.of((), view).read == {"orders", "positions"}
