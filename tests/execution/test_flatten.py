"""The plan of a flatten: what goes first, in which orders, at what price, and what has none."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import shipped, shipped_rules
from tests.measure.broker_books import LOT, NOW, evidence, key, option, order, position
from volguard.execution.flatten import (
    NO_PRICE,
    Basis,
    ContractTerms,
    FlattenPlan,
    PlanInputs,
    Sight,
    exit_price,
    exits_now,
    make_plan,
    priced,
    slices_of,
    would_strip,
)
from volguard.measure.broker_net import BrokerEvidence, holdings
from volguard.measure.flat_cost import Depth, Level
from volguard.model.instrument import OptionContract, OptionType, Side

TICK = Decimal("0.05")
TERMS = ContractTerms(lot_size=LOT, freeze_quantity=1800, tick=TICK)
SHORT, LONG, OUTER = option(24500), option(24700), option(24900)


def sight(bid: str | None, ask: str | None, last: str | None = "10.00", size: int = 6500) -> Sight:
    """One level a side."""
    return Sight(
        read_at=NOW,
        depth=Depth(
            bids=() if bid is None else (Level(price=Decimal(bid), quantity=size),),
            asks=() if ask is None else (Level(price=Decimal(ask), quantity=size),),
        ),
        last=None if last is None else Decimal(last),
    )


def plan(books: BrokerEvidence, sights: Mapping[OptionContract, Sight]) -> FlattenPlan:
    held = {one.key: TERMS for one in holdings(books.positions) if one.contract is not None}
    return make_plan(
        PlanInputs(
            evidence=books,
            terms=held,
            sights={key(contract): seen for contract, seen in sights.items()},
            settings=shipped().execution,
            charges=shipped_rules().charges,
            trade_date=NOW.date(),
            orders_per_second=8.0,
        )
    )


def test_shorts_are_the_first_wave_and_their_cover_the_second() -> None:
    """With price from near mid to the band, cost and time."""
    books = evidence(position(LONG, LOT), position(SHORT, -LOT))
    made = plan(books, {SHORT: sight("99.00", "101.00"), LONG: sight("49.00", "51.00")})
    assert [(one.wave, one.holding.contract) for one in made.exits] == [(1, SHORT), (2, LONG)]
    first, second = made.exits
    assert (first.first_price, first.last_price) == (Decimal("105.00"), Decimal("140.00"))
    assert (second.first_price, second.last_price) == (Decimal("47.50"), Decimal("30.00"))
    assert first.half_spread_inr == Decimal("65.00") and first.walk_inr == Decimal("0.00")
    assert first.cost_inr is not None and first.cost_inr > 65
    assert made.cost_inr == sum(one.cost_inr or Decimal(0) for one in made.exits)
    assert made.orders == 2 and made.seconds > 2.0


def test_a_long_that_covers_nothing_is_of_the_first_wave() -> None:
    """Nothing waits for it, and it waits for nothing."""
    made = plan(evidence(position(LONG, LOT)), {LONG: sight("49.00", "51.00")})
    assert [one.wave for one in made.exits] == [1]


def test_a_long_that_nobody_bids_for_is_said_so() -> None:
    """No cost is made up; an order would rest, measured from the last price."""
    made = plan(evidence(position(LONG, LOT)), {LONG: sight(None, "0.10", last="0.10")})
    (one,) = made.exits
    assert "nobody bids" in one.gap and one.basis is Basis.LAST and one.cost_inr is None
    assert one.first_price is not None and made.cost_inr is None


def test_what_has_no_price_at_all_is_said_so() -> None:
    """Neither quote nor last price."""
    (one,) = plan(evidence(position(SHORT, -LOT)), {}).exits
    assert one.gap == NO_PRICE and one.first_price is None


def test_a_size_that_is_too_small_has_no_cost() -> None:
    """What lies beyond the levels shown is not known."""
    (one,) = plan(evidence(position(SHORT, -LOT)), {SHORT: sight("99.00", "101.00", size=10)}).exits
    assert one.gap == "the size shown is too small" and one.cost_inr is None


def test_what_no_order_of_ours_closes_is_named_with_its_reason() -> None:
    """Another product, another underlying, half a lot."""
    books = evidence(
        position(SHORT, -LOT, product="I"), position(LONG, 30), position(None, 15, name="NSE_FO|52618")
    )
    made = plan(books, {})
    assert [one.why.split(",")[0].split(":")[0] for one in made.unorderable] == [
        "held under product I",
        "less than one lot",
        "no option of ours",
    ]
    assert made.exits == () and made.cost_inr is None


def test_the_plan_cancels_what_adds_and_keeps_what_closes() -> None:
    """Resting orders by what they would do."""
    closes = order(SHORT, Side.BUY, LOT, order_id="1")
    adds = order(SHORT, Side.SELL, LOT, order_id="2")
    made = plan(evidence(position(SHORT, -LOT), orders=(closes, adds)), {SHORT: sight("99.00", "101.00")})
    assert [one.order_id for one in made.cancels] == ["2"] and [one.order_id for one in made.kept] == ["1"]
    assert made.exits[0].working == LOT and made.exits[0].slices == ()


def test_an_empty_account_has_an_empty_plan() -> None:
    """Nothing to do costs nothing."""
    made = plan(evidence(position(SHORT, 0)), {})
    assert made.is_empty and made.cost_inr == 0 and made.orders == 0


def test_the_long_that_covers_least_goes_first() -> None:
    """Of two calls the higher one; what is left covers the short that is left best."""
    books = evidence(position(SHORT, -LOT), position(LONG, LOT), position(OUTER, LOT))
    found = {one.holding.contract: one.quantity for one in exits_now(books, dict.fromkeys(KEYS, TERMS))}
    assert found == {SHORT: LOT, OUTER: LOT, LONG: 0}


KEYS = [key(contract) for contract in (SHORT, LONG, OUTER)]


def test_slices_are_below_the_largest_order() -> None:
    """All of it, in whole orders."""
    assert slices_of(4000, 1755) == (1755, 1755, 490)
    assert slices_of(0, 1755) == ()


def test_a_ladder_climbs_to_the_band_and_no_further() -> None:
    """From five per cent beyond mid, doubled at each rung."""
    found = priced(SHORT, Side.BUY, sight("99.00", "101.00"))
    assert found is not None
    prices = [
        at[0]
        for rung in range(6)
        if (at := exit_price(found, Side.BUY, rung=rung, tick=TICK, settings=shipped().execution))
    ]
    assert [str(price) for price in prices] == ["105.00", "110.00", "120.00", "140.00", "140.00", "140.00"]


def test_one_side_alone_is_measured_from_that_side() -> None:
    """The side that an exit needs is a touch; the other side alone is only a hint."""
    found = priced(SHORT, Side.BUY, sight(None, "10.00", last=None))
    assert found is not None and found.basis is Basis.TOUCH
    hint = priced(SHORT, Side.BUY, sight("10.00", None, last=None))
    assert hint is not None and hint.basis is Basis.LAST
    assert priced(SHORT, Side.BUY, None) is None


def test_an_exit_of_everything_strips_a_short_whose_own_exit_rests() -> None:
    """Where no order could close the short either, there is nothing left to keep."""
    books = evidence(position(SHORT, -LOT), position(LONG, LOT))
    short, long = holdings(books.positions)
    assert would_strip((short, long), (long,)) == (long,)
    assert would_strip((short, long), (short, long)) == ()


prices = st.integers(1, 4000).map(lambda ticks: TICK * ticks)


@given(prices, prices, st.sampled_from(list(Side)), st.integers(0, 40))
def test_every_price_is_on_the_tick_inside_the_band(
    one: Decimal, two: Decimal, side: Side, rung: int
) -> None:
    """Whatever is quoted; and it never climbs back down."""
    found = priced(SHORT, side, sight(str(min(one, two)), str(max(one, two))))
    assert found is not None
    at = exit_price(found, side, rung=rung, tick=TICK, settings=shipped().execution)
    later = exit_price(found, side, rung=rung + 1, tick=TICK, settings=shipped().execution)
    if at is None or later is None:
        return
    price, (low, high) = at
    assert low <= price <= high and price % TICK == 0 and price > 0
    assert side.sign * (later[0] - price) >= 0


counts = st.integers(-3, 3)


@given(st.lists(counts, min_size=4, max_size=4))
def test_exits_never_exceed_what_is_held_nor_what_is_spare(units: list[int]) -> None:
    """All exits of one moment together leave every short covered that was covered."""
    contracts = [*(option(strike) for strike in (24500, 24700, 24900)), option(24300, OptionType.PUT)]
    held = {contract: count * LOT for contract, count in zip(contracts, units, strict=True)}
    books = evidence(*(position(contract, quantity) for contract, quantity in held.items()))
    found = exits_now(books, {key(contract): TERMS for contract in contracts})
    sold = dict.fromkeys(contracts, 0)
    for one in found:
        assert one.holding.contract is not None
        assert sum(one.slices) == one.quantity <= abs(held[one.holding.contract])
        if one.holding.quantity > 0:
            sold[one.holding.contract] += one.quantity
    for kind in OptionType:
        group = [contract for contract in contracts if contract.option_type is kind]
        longs = sum(max(held[contract], 0) - sold[contract] for contract in group)
        shorts = -sum(min(held[contract], 0) for contract in group)
        if any(sold[contract] for contract in group):
            assert longs >= shorts
