"""Two accounts of a day: each cause planted has its rupees, and all causes sum to the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import TS, call, put
from tests.fakes import request as order_request
from volguard.model.book import Fill
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import OrderRequest
from volguard.operations.parity_causes import Account, Cause, explain_difference

CONTRACTS = (call(24500), call(24600), put(24400))
FLAT, HELD = CONTRACTS[0], CONTRACTS[1]


def fill(
    tag: str,
    side: Side,
    price: str,
    *,
    contract: OptionContract = FLAT,
    quantity: int = 65,
    after_s: float = 0.0,
    charges: str = "20.123456",
) -> Fill:
    """One execution; its charges have more digits than a paisa."""
    return Fill(
        fill_id=f"{tag}@{after_s}",
        tag=tag,
        ts=TS + timedelta(seconds=after_s),
        contract=contract,
        side=side,
        quantity=quantity,
        price=Decimal(price),
        charges_inr=Decimal(charges),
        touch_bid=None,
        touch_ask=None,
    )


def asked(one: Fill, quantity: int = 65) -> OrderRequest:
    """The order behind a fill."""
    return order_request(tag=one.tag, contract=one.contract, side=one.side, quantity=quantity)


def account(
    fills: Sequence[Fill], marks: Mapping[OptionContract, str] | None = None, **sizes: int
) -> Account:
    """An account of fills by orders of its own, for 65 units unless another size is given by tag."""
    return Account(
        decisions=(),
        sent={one.tag: asked(one, sizes.get(one.tag, 65)) for one in fills},
        fills=tuple(fills),
        marks={contract: Decimal(mark) for contract, mark in (marks or {}).items()},
    )


# Sold at 100 and bought back at 90; another sold at 50 and held at the close, where 40 is asked.
IN, OUT = fill("a", Side.SELL, "100"), fill("b", Side.BUY, "90", after_s=60)
KEPT = fill("c", Side.SELL, "50", contract=HELD)
BASE = account([IN, OUT, KEPT], {HELD: "40"})


def causes(other: Account, base: Account = BASE) -> dict[Cause, Decimal]:
    """The causes by name; none may be left over."""
    found = explain_difference(base, other)
    assert found is not None
    assert found.unexplained_inr == 0
    assert base.net_inr is not None and other.net_inr is not None
    assert found.difference_inr == other.net_inr - base.net_inr
    total = sum((found.amount_inr(cause) for cause in Cause), Decimal(0))
    assert total + found.rounding_inr == found.difference_inr
    assert abs(found.rounding_inr) <= Decimal("0.06")
    return {line.cause: found.amount_inr(line.cause) for line in found.lines}


def test_the_same_account_has_no_difference_and_no_cause() -> None:
    """P&L of the account by hand: 65 x 10 twice, less three charges; against itself nothing is left."""
    assert BASE.net_inr == Decimal("1300.00") - Decimal("60.37")
    assert BASE.realised_inr == Decimal(650)
    assert causes(BASE) == {}


def test_another_price_at_the_same_moment() -> None:
    """Bought back 0.50 dearer: 65 x 0.50 against us, and nothing else."""
    worse = replace(OUT, price=Decimal("90.5"))
    assert causes(account([IN, worse, KEPT], {HELD: "40"})) == {Cause.FILL_PRICE: Decimal("-32.50")}


def test_another_price_at_another_moment_is_for_the_time() -> None:
    """Filled 15 s later at 1 better: the time is the cause, in our favour."""
    later = replace(OUT, price=Decimal(89), ts=OUT.ts + timedelta(seconds=15))
    assert causes(account([IN, later, KEPT], {HELD: "40"})) == {Cause.FILL_TIME: Decimal("65.00")}


def test_another_moment_at_the_same_price_is_named_and_costs_nothing() -> None:
    """A later fill without another price is told with zero rupees."""
    later = replace(OUT, ts=OUT.ts + timedelta(seconds=15))
    assert causes(account([IN, later, KEPT], {HELD: "40"})) == {Cause.FILL_TIME: Decimal("0.00")}


def test_other_charges_alone() -> None:
    """The same fills by another schedule: the difference of the charges, to the paisa."""
    dearer = replace(KEPT, charges_inr=Decimal("21.50"))
    assert causes(account([IN, OUT, dearer], {HELD: "40"})) == {Cause.CHARGES: Decimal("-1.38")}


def test_an_order_that_filled_less() -> None:
    """Half of what is held was not sold: 10 points a unit missed, and its charges not paid."""
    less = replace(KEPT, quantity=30, charges_inr=Decimal("10.061728"))
    assert causes(account([IN, OUT, less], {HELD: "40"})) == {
        Cause.FILL_QUANTITY: Decimal("-350.00"),
        Cause.CHARGES: Decimal("10.06"),
    }


def test_an_order_that_asked_for_more() -> None:
    """Twice the lots were asked for and filled: the units are for the size that was decided."""
    more = replace(KEPT, quantity=130)
    assert causes(account([IN, OUT, more], {HELD: "40"}, c=130)) == {Cause.ORDER_SIZE: Decimal("650.00")}


def test_an_order_that_one_alone_sent_counts_with_its_charges() -> None:
    """Without the trade that was held: its 650 rupees less 20.12 of charges are missing."""
    assert causes(account([IN, OUT])) == {Cause.DECISION: Decimal("-629.88")}
    reversed_causes = causes(BASE, account([IN, OUT]))
    assert reversed_causes == {Cause.DECISION: Decimal("629.88")}


def test_an_order_of_the_same_tag_on_another_contract_is_another_decision() -> None:
    """A tag names one order: on another strike both are decisions, one given up and one taken."""
    other = replace(KEPT, contract=CONTRACTS[2], price=Decimal(30))
    assert causes(account([IN, OUT, other], {CONTRACTS[2]: "28"})) == {Cause.DECISION: Decimal("-520.00")}


def test_an_execution_by_nobodys_order_is_from_outside() -> None:
    """What somebody else closed appears in the journal alone and is no decision of ours."""
    hand = fill("hand", Side.BUY, "45", contract=HELD, after_s=90)
    base = replace(account([IN, OUT, KEPT]), fills=(IN, OUT, KEPT, hand))
    assert causes(account([IN, OUT, KEPT], {HELD: "40"}), base) == {
        Cause.OUTSIDE: Decimal(5 * 65) + Decimal("20.12")
    }


def test_what_is_held_at_another_closing_price() -> None:
    """The same position marked 2 higher costs a short 2 a unit."""
    assert causes(account([IN, OUT, KEPT], {HELD: "42"})) == {Cause.MARK: Decimal("-130.00")}


def test_fills_in_other_pieces_are_compared_unit_by_unit() -> None:
    """65 at 90 against 30 at 90 and 35 at 91 of the same moment: 35 units are 1 dearer."""
    pieces = [replace(OUT, quantity=30), replace(OUT, fill_id="x", quantity=35, price=Decimal(91))]
    found = causes(account([IN, *pieces, KEPT], {HELD: "40"}))
    assert found == {Cause.FILL_PRICE: Decimal("-35.00"), Cause.CHARGES: Decimal("-20.12")}


def test_all_at_once_still_sums_to_the_paisa() -> None:
    """Every cause planted together, each keeps its own rupees."""
    other = account(
        [
            replace(IN, price=Decimal("99.95")),
            replace(OUT, price=Decimal("89.90"), ts=OUT.ts + timedelta(seconds=3)),
            replace(KEPT, charges_inr=Decimal("20.000001")),
            fill("d", Side.SELL, "12.35", contract=CONTRACTS[2]),
        ],
        {HELD: "40.05", CONTRACTS[2]: "12.30"},
    )
    assert causes(other) == {
        Cause.FILL_PRICE: Decimal("-3.25"),
        Cause.FILL_TIME: Decimal("6.50"),
        Cause.CHARGES: Decimal("0.12"),
        Cause.DECISION: Decimal("3.25") - Decimal("20.12"),
        Cause.MARK: Decimal("-3.25"),
    }


@pytest.mark.parametrize("which", [0, 1])
def test_without_a_closing_price_nothing_is_explained(which: int) -> None:
    """A position that nobody quotes has no P&L, in either account."""
    accounts = [BASE, BASE]
    accounts[which] = replace(BASE, marks={HELD: None})
    assert explain_difference(accounts[0], accounts[1]) is None
    assert accounts[which].unmarked == (HELD,)
    assert accounts[which].net_inr is None


prices = st.integers(1, 4000).map(lambda ticks: Decimal(ticks) * Decimal("0.05"))


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    """Any fills of up to four orders, each on its contract, with a mark for every contract."""
    fills = []
    for number in range(draw(st.integers(0, 8))):
        tag = draw(st.sampled_from("abcd"))
        fills.append(
            Fill(
                fill_id=str(number),
                tag=tag,
                ts=TS + timedelta(seconds=draw(st.integers(0, 3))),
                contract=CONTRACTS["abcd".index(tag) % 3],
                side=Side.BUY if tag in "ad" else Side.SELL,
                quantity=65 * draw(st.integers(1, 3)),
                price=draw(prices),
                charges_inr=draw(st.integers(0, 10**8)) * Decimal("0.000001"),
                touch_bid=None,
                touch_ask=None,
            )
        )
    sent = {
        one.tag: asked(one, 65 * draw(st.integers(1, 4))) for one in fills if draw(st.integers(0, 4)) != 0
    }
    return Account(
        decisions=(), sent=sent, fills=tuple(fills), marks={one: draw(prices) for one in CONTRACTS}
    )


@given(base=accounts(), other=accounts())
def test_whatever_was_filled_the_causes_sum_to_the_difference(base: Account, other: Account) -> None:
    """For any two accounts not a rupee is left unexplained, and the other way round the signs turn."""
    found, back = explain_difference(base, other), explain_difference(other, base)
    assert found is not None and back is not None
    assert found.unexplained_inr == back.unexplained_inr == 0
    assert found.exact_inr == -back.exact_inr
    total = sum((found.amount_inr(cause) for cause in Cause), Decimal(0))
    assert total + found.rounding_inr == found.difference_inr
