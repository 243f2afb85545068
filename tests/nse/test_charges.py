"""Charges follow the dated schedule to the last digit."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.model.errors import DateNotCovered
from volguard.model.instrument import Side
from volguard.nse.charges import ChargeLines, Charges, ChargeTables, add_up, contract_note

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
APRIL_2026, JULY_2023, AUGUST_2025 = date(2026, 4, 10), date(2023, 7, 5), date(2025, 8, 29)


def fills(charges: Charges, day: date, *trades: tuple[Side, int, str]) -> list[ChargeLines]:
    return [
        charges.for_fill(trade_date=day, side=side, quantity=units, price=D(price), first_fill_of_order=True)
        for side, units, price in trades
    ]


def near(amount: Decimal, expected: str) -> bool:
    return abs(amount - D(expected)) <= D("0.000001")


# Published by a broker's API mocks (July 2023). They leave stamp duty at 0; the law does not.
@pytest.mark.parametrize(
    ("side", "units", "price", "exchange_and_ipft", "sebi", "stt", "gst", "total_without_stamp", "stamp"),
    [
        (BUY, 100, "1.5", "0.07575", "0.00015", "0", "3.613527", "23.689427", "0.0045"),
        (SELL, 1, "2673.75", "1.336875", "0.00267375", "1.67109375", "3.841118775", "26.851761275", "0"),
        (BUY, 1, "521.25", "0.260625", "0.00052125", "0", "3.6470063", "23.9081526", "0.0156375"),
    ],
)
def test_published_vectors(
    side: Side,
    units: int,
    price: str,
    exchange_and_ipft: str,
    sebi: str,
    stt: str,
    gst: str,
    total_without_stamp: str,
    stamp: str,
    charges: Charges,
) -> None:
    (lines,) = fills(charges, JULY_2023, (side, units, price))
    turnover = units * D(price)
    # The first row's fee includes the IPFT (0.0505 %), the others' does not (0.05 %).
    has_ipft = units == 100
    assert lines.brokerage == 20
    assert near(lines.exchange + (lines.ipft if has_ipft else 0), exchange_and_ipft)
    assert near(lines.sebi, sebi)
    assert near(lines.stt, stt)
    assert near(lines.gst, gst)
    assert lines.ipft == D("0.000005") * turnover
    assert near(lines.stamp, stamp)
    without = lines.unrounded - lines.stamp - (0 if has_ipft else lines.ipft)
    assert near(without, total_without_stamp)


CONDOR = (
    (SELL, 75, "85.50"),
    (SELL, 75, "92.25"),
    (BUY, 75, "30.10"),
    (BUY, 75, "33.40"),
    (BUY, 75, "42.00"),
    (BUY, 75, "38.75"),
    (SELL, 75, "11.20"),
    (SELL, 75, "12.60"),
)


@pytest.mark.parametrize(
    ("day", "trades", "total", "note", "note_stt", "note_stamp"),
    [
        (APRIL_2026, ((SELL, 65, "120"), (BUY, 65, "80")), "64.521408", "64.66", 12, 0),
        (AUGUST_2025, CONDOR, "215.12142679", "214.69", 15, 0),
        (JULY_2023, ((SELL, 50, "100"), (BUY, 50, "60")), "55.18444", "54.97", 3, 0),
        (APRIL_2026, ((SELL, 65, "25"),), "26.720676", "26.28", 2, 0),
    ],
    ids=["A", "B", "D", "E"],
)
def test_computed_vectors_exact_and_as_the_contract_note_rounds_them(
    day: date,
    trades: tuple[tuple[Side, int, str], ...],
    total: str,
    note: str,
    note_stt: int,
    note_stamp: int,
    charges: Charges,
) -> None:
    lines = fills(charges, day, *trades)
    assert near(add_up(lines).total, total)
    printed = contract_note(lines)
    assert (printed.stt, printed.stamp) == (note_stt, note_stamp)
    assert printed.unrounded == D(note)


def test_vector_a_line_by_line(charges: Charges) -> None:
    lines = add_up(fills(charges, APRIL_2026, (SELL, 65, "120"), (BUY, 65, "80")))
    expected = {
        "brokerage": "40",
        "stt": "11.7000",
        "exchange": "4.6176",
        "ipft": "0.0013",
        "sebi": "0.0130",
        "stamp": "0.1560",
        "gst": "8.033508",
    }
    assert {field.name: getattr(lines, field.name) for field in fields(lines)} == {
        name: D(value) for name, value in expected.items()
    }


def test_another_brokerage_changes_only_itself_and_its_gst(charge_tables: ChargeTables) -> None:
    half = replace(charge_tables.brokerage[0], per_order_inr=D(10))
    charges = Charges(replace(charge_tables, brokerage=(half,)))
    lines = fills(charges, APRIL_2026, (SELL, 65, "120"), (BUY, 65, "80"))
    assert add_up(lines).total == D("40.921408")
    assert contract_note(lines).unrounded == D("41.06")


def test_an_exercised_option_costs_its_purchase_and_the_exercise_tax(charges: Charges) -> None:
    """Vector C: 130 bought at 150, exercised 212.35 in the money."""
    bought = fills(charges, APRIL_2026, (BUY, 130, "150"))
    exercised = charges.for_exercise(expiry=date(2026, 4, 28), quantity=130, intrinsic=D("212.35"))
    assert exercised == ChargeLines(stt=D("41.40825"))
    assert near(add_up([*bought, exercised]).total, "73.791362")
    assert contract_note([*bought, exercised]).unrounded == D("73.80")


def test_exercise_was_taxed_on_the_settlement_value_until_august_2019(charges: Charges) -> None:
    """A call struck at 10800 settling at 10900, 75 units: 1021.88 before, 9.38 after."""
    before = charges.for_exercise(
        expiry=date(2019, 8, 29), quantity=75, intrinsic=D(100), settlement=D(10900)
    )
    after = charges.for_exercise(expiry=date(2019, 9, 26), quantity=75, intrinsic=D(100))
    assert (before.stt, after.stt) == (D("1021.875"), D("9.375"))
    with pytest.raises(ValueError, match="taxed on the settlement value, which was not given"):
        charges.for_exercise(expiry=date(2019, 8, 29), quantity=75, intrinsic=D(100))


def test_brokerage_falls_on_the_first_fill_of_an_order(charges: Charges) -> None:
    whole = charges.for_fill(
        trade_date=AUGUST_2025, side=SELL, quantity=75, price=D(40), first_fill_of_order=True
    )
    parts = [
        charges.for_fill(
            trade_date=AUGUST_2025, side=SELL, quantity=units, price=D(40), first_fill_of_order=first
        )
        for units, first in ((25, True), (50, False))
    ]
    assert parts[1].brokerage == 0
    assert add_up(parts) == whole


@pytest.mark.parametrize(
    ("day", "line", "rate"),
    [
        (date(2023, 3, 31), "stt", "0.0005"),
        (date(2023, 4, 1), "stt", "0.000625"),
        (date(2024, 9, 30), "stt", "0.000625"),
        (date(2024, 10, 1), "stt", "0.001"),
        (date(2026, 3, 31), "stt", "0.001"),
        (date(2026, 4, 1), "stt", "0.0015"),
        (date(2020, 12, 31), "exchange", "0.0005"),
        (date(2021, 1, 1), "exchange", "0.00053"),
        (date(2024, 3, 31), "exchange", "0.0005"),
        (date(2024, 4, 1), "exchange", "0.000495"),
        (date(2024, 10, 1), "exchange", "0.0003503"),
        (date(2026, 3, 1), "exchange", "0.0003552"),
        (date(2023, 3, 31), "ipft", "0.000000001"),
        (date(2026, 2, 28), "ipft", "0.000005"),
        (date(2026, 3, 1), "ipft", "0.0000001"),
        (date(2019, 3, 31), "sebi", "0.0000015"),
        (date(2020, 6, 1), "sebi", "0.0000005"),
        (date(2021, 4, 1), "sebi", "0.000001"),
        (date(2020, 6, 30), "stamp", "0.00002"),
        (date(2020, 7, 1), "stamp", "0"),
    ],
)
def test_a_sale_pays_the_rate_of_its_day(day: date, line: str, rate: str, charges: Charges) -> None:
    (lines,) = fills(charges, day, (SELL, 1, "1000000"))
    assert getattr(lines, line) == D(rate) * 1000000


@pytest.mark.parametrize("day", [date(2024, 10, 1), date(2026, 2, 28), date(2026, 3, 1), date(2026, 12, 31)])
def test_exchange_fee_and_ipft_together_are_3553_a_crore_since_october_2024(
    day: date, charges: Charges
) -> None:
    (lines,) = fills(charges, day, (BUY, 1, "10000000"))
    assert lines.exchange + lines.ipft == 3553


@pytest.mark.parametrize("day", [date(2018, 12, 31), date(2027, 1, 1)])
def test_a_date_outside_the_schedule_is_refused_by_name(day: date, charges: Charges) -> None:
    with pytest.raises(DateNotCovered, match=f"table charges has no row on {day}"):
        fills(charges, day, (BUY, 75, "10"))
    with pytest.raises(DateNotCovered, match=f"table charges has no row on {day}"):
        charges.estimate_inr(trade_date=day, premium_buy_inr=1.0, premium_sell_inr=1.0, orders=1)
    with pytest.raises(DateNotCovered, match=f"table charges.stt_exercise has no row on {day}"):
        charges.for_exercise(expiry=day, quantity=75, intrinsic=D(1))


@pytest.mark.parametrize(("quantity", "price"), [(0, "10"), (-75, "10"), (75, "-0.05"), (75, "nan")])
def test_a_trade_that_cannot_be_is_refused(quantity: int, price: str, charges: Charges) -> None:
    with pytest.raises(ValueError, match="cannot be told"):
        fills(charges, AUGUST_2025, (BUY, quantity, price))


def test_an_option_without_intrinsic_value_is_not_exercised(charges: Charges) -> None:
    with pytest.raises(ValueError, match="with intrinsic value 0 cannot be"):
        charges.for_exercise(expiry=AUGUST_2025, quantity=75, intrinsic=D(0))


def test_rates_must_be_fractions_and_brokerage_not_negative(charge_tables: ChargeTables) -> None:
    wrong = (replace(charge_tables.gst[0], rate=D(18)),)
    with pytest.raises(ValueError, match="gst from 2019-01-01 was 18, must be a fraction"):
        replace(charge_tables, gst=wrong)
    free = (replace(charge_tables.brokerage[0], per_order_inr=D(-1)),)
    with pytest.raises(ValueError, match="brokerage from 2019-01-01 was -1"):
        replace(charge_tables, brokerage=free)


TRADES = st.tuples(
    st.sampled_from([BUY, SELL]),
    st.integers(1, 1800),
    st.integers(1, 40_000).map(lambda ticks: str(ticks * D("0.05"))),
)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    day=st.dates(date(2019, 1, 1), date(2026, 12, 31)),
    trades=st.lists(TRADES, min_size=1, max_size=8),
)
def test_the_estimate_equals_the_exact_schedule(
    day: date, trades: list[tuple[Side, int, str]], charges: Charges
) -> None:
    exact = add_up(fills(charges, day, *trades)).unrounded
    bought, sold = (
        sum((units * D(price) for one, units, price in trades if one is side), D(0)) for side in (BUY, SELL)
    )
    estimate = charges.estimate_inr(
        trade_date=day, premium_buy_inr=float(bought), premium_sell_inr=float(sold), orders=len(trades)
    )
    assert estimate == pytest.approx(float(exact), abs=1e-6)


def test_the_estimate_takes_arrays_of_candidates(charges: Charges) -> None:
    bought, sold = np.array([5200.0, 0.0]), np.array([7800.0, 1625.0])
    both = charges.estimate_inr(
        trade_date=APRIL_2026, premium_buy_inr=bought, premium_sell_inr=sold, orders=2
    )
    assert both[0] == pytest.approx(64.521408, abs=1e-6)
    assert both[1] == pytest.approx(26.720676 + 20 * 1.18, abs=1e-6)
