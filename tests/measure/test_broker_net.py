"""What the broker's books prove: held for certain, on its way, covered, in the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.measure.broker_books import LOT, NOW, evidence, key, option, order, position
from volguard.measure.broker_net import (
    DoubtfulOrder,
    adders,
    closable_units,
    exits,
    group_of,
    holdings,
    is_net_zero,
    spare_longs,
    sure_units,
)
from volguard.measure.witnesses import SETTLED_AFTER, Witnesses
from volguard.model.instrument import OptionType, Side
from volguard.model.order import OrderState

SHORT, LONG = option(24500), option(24700)


def test_closed_rows_and_other_segments_are_no_holdings() -> None:
    """A row of quantity 0 and a share are no position of derivatives; shorts come first."""
    rows = (
        position(LONG, LOT),
        position(SHORT, -LOT),
        position(option(24900), 0),
        position(None, 100, name="NSE_EQ|INE528G01035"),
    )
    assert [one.quantity for one in holdings(rows)] == [-LOT, LOT]
    assert is_net_zero(rows[2:]) and not is_net_zero(rows)


def test_rows_of_one_place_are_netted_and_products_are_not() -> None:
    """Two rows under one product are one position; intraday against carried is two."""
    rows = (position(SHORT, -LOT), position(SHORT, LOT), position(SHORT, LOT, product="I"))
    assert [(one.product, one.quantity) for one in holdings(rows)] == [("I", LOT)]


def test_what_only_one_witness_says_is_not_closed() -> None:
    """The orders have closed it already and the positions lag: nothing is left to close."""
    done = order(SHORT, Side.BUY, LOT, filled=LOT, state=OrderState.FILLED)
    books = evidence(position(SHORT, -LOT), orders=(done,), offsets={(key(SHORT), "D"): -LOT})
    (held,) = holdings(books.positions)
    assert sure_units(books, held) == 0 and closable_units(books, held) == 0


def test_orders_and_doubts_make_less_room() -> None:
    """What rests and what may have arrived is not closed again; a doubt that the book shows is one."""
    resting = order(SHORT, Side.BUY, LOT, tag="a")
    doubts = tuple(
        DoubtfulOrder(tag=tag, key=key(SHORT), product="D", side=Side.BUY, quantity=LOT) for tag in "ab"
    )
    books = evidence(position(SHORT, -4 * LOT), orders=(resting,), in_doubt=doubts)
    (held,) = holdings(books.positions)
    assert closable_units(books, held) == 2 * LOT
    assert closable_units(books, held, without_tag="a") == 3 * LOT


def test_a_word_that_nobody_knows_is_alive() -> None:
    """It may fill, so it takes its room."""
    books = evidence(position(SHORT, -LOT), orders=(order(SHORT, Side.BUY, LOT, state=None),))
    assert closable_units(books, holdings(books.positions)[0]) == 0


def test_longs_are_spare_only_beyond_all_shorts_of_their_kind() -> None:
    """Other expiries and the other type cover nothing."""
    put_long = option(24300, OptionType.PUT)
    books = evidence(position(SHORT, -LOT), position(LONG, 3 * LOT), position(put_long, LOT))
    assert spare_longs(books, group_of(LONG)) == 2 * LOT
    assert spare_longs(books, group_of(put_long)) == LOT


def test_no_long_is_spare_beside_a_short_whose_name_is_not_certain() -> None:
    """Its key stands for this kind, its symbol for another contract: it may be covered by the long."""
    long, short = option(25_600), option(25_300)
    held = position(long, LOT)
    doubtful = replace(position(short, -LOT), contract=None, keyed_as=short)
    group = group_of(long)
    assert spare_longs(evidence(held), group) == LOT
    assert spare_longs(evidence(held, doubtful), group) == 0
    other = replace(doubtful, keyed_as=option(24_000, OptionType.PUT))
    assert spare_longs(evidence(held, other), group) == LOT


def test_a_short_counts_for_what_either_witness_says() -> None:
    """The positions no longer show one half of the short, the orders still do: both halves are covered."""
    books = evidence(
        position(SHORT, -LOT),
        position(LONG, 2 * LOT),
        offsets={(key(SHORT), "D"): -2 * LOT, (key(LONG), "D"): 2 * LOT},
    )
    assert spare_longs(books, group_of(LONG)) == 0


def test_orders_that_open_or_close_too_much_are_adders() -> None:
    """Same side, no position, and beyond what is held; of two exits the stop is the one too many."""
    stop = order(SHORT, Side.BUY, LOT, order_id="1", word="trigger pending")
    limit = order(SHORT, Side.BUY, LOT, order_id="2")
    more = order(SHORT, Side.SELL, LOT, order_id="3")
    new = order(option(25500), Side.BUY, LOT, order_id="4")
    over = order(SHORT, Side.BUY, LOT, order_id="5", state=OrderState.CANCELLED)
    books = evidence(position(SHORT, -LOT), orders=(stop, limit, more, new, over))
    assert [one.order_id for one in adders(books)] == ["1", "3", "4"]
    assert [one.order_id for one in exits(books)] == ["2"]


def test_witnesses_begin_with_what_was_carried_over_night() -> None:
    """A position that today's orders do not explain is doubted, and believed once it has stood."""
    rows = (position(SHORT, -LOT), position(LONG, LOT, overnight=LOT))
    first = Witnesses.none().after(rows, (), NOW)
    assert first.disagreeing == ((key(SHORT), "D"),)
    assert first.offsets[key(SHORT), "D"] == 0 and first.offsets[key(LONG), "D"] == LOT
    later = first.after(rows, (), NOW + SETTLED_AFTER)
    assert later.disagreeing == () and later.offsets[key(SHORT), "D"] == -LOT


def test_a_disagreement_that_moves_is_not_believed() -> None:
    """Its clock begins anew with each change."""
    first = Witnesses.none().after((position(SHORT, -LOT),), (), NOW)
    moved = first.after((position(SHORT, -2 * LOT),), (), NOW + SETTLED_AFTER)
    assert moved.disagreeing
    still = moved.after((position(SHORT, -2 * LOT),), (), NOW + SETTLED_AFTER + timedelta(seconds=9))
    assert still.disagreeing
