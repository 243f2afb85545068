"""`volguard journal orders`: what each order of a session cost against the market it was decided on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from tests.cli.command import CHAIN, Day, volguard

KEYS = {
    *("tag", "trade_id", "sent_at", "expiry", "strike", "option_type", "side", "quantity", "filled_quantity"),
    *("purpose", "urgency", "last_urgency", "outcome", "arrival_mid", "average_price", "slippage_per_unit"),
    *("slippage_inr", "slippage_share", "fill_s", "price_steps"),
}


@pytest.fixture(scope="module")
def told(trading_day: Day) -> Any:
    """The document of the traded day."""
    done = volguard("journal", "orders", "--json", root=trading_day.root)
    assert done.code == 0, done.err
    return done.document


def test_every_order_that_left_is_told(trading_day: Day, told: Any) -> None:
    """One row per order of the journal, under a versioned schema, each with every promised key."""
    assert (told["schema"], told["journal"]) == ("volguard.journal_orders/1", str(trading_day.journal))
    placed = [body["approved"]["request"]["tag"] for _, _, body in trading_day.rows("Place")]
    assert [order["tag"] for order in told["orders"]] == placed
    assert placed
    assert all(order.keys() == KEYS for order in told["orders"])


def test_the_mid_is_that_of_the_recording_at_the_orders_second(told: Any) -> None:
    """Half of bid plus ask of the contract, at the snapshot at which the order left."""
    chain = pd.read_parquet(CHAIN).astype({"expiry": str, "option_type": str})
    for order in told["orders"]:
        at = chain[(chain["strike"] == order["strike"]) & (chain["option_type"] == order["option_type"])]
        at = at[at["expiry"].str.startswith(order["expiry"]) & (at["ts"] == pd.Timestamp(order["sent_at"]))]
        ((bid, ask),) = at[["bid", "ask"]].itertuples(index=False)
        assert Decimal(order["arrival_mid"]) == (Decimal(str(bid)) + Decimal(str(ask))) / 2


def test_slippage_adds_up_to_the_cash_of_the_day(trading_day: Day, told: Any) -> None:
    """Value at the mids plus slippage is the cash that the day's fills paid, to the paisa an order."""
    paid = sum(
        (1 if fill["side"] == "BUY" else -1) * fill["quantity"] * Decimal(fill["price"])
        for fill in trading_day.document["fills"]
    )
    at_mid = sum(
        (1 if order["side"] == "BUY" else -1) * order["filled_quantity"] * Decimal(order["arrival_mid"])
        for order in told["orders"]
    )
    total = Decimal(told["execution"]["all"]["slippage_inr"])
    assert abs(at_mid + total - paid) <= Decimal("0.01")
    per_order = [Decimal(order["slippage_inr"]) for order in told["orders"] if order["slippage_inr"]]
    assert abs(sum(per_order) - total) <= Decimal("0.005") * len(per_order) + Decimal("0.005")


def test_the_days_report_holds_the_same_figures(trading_day: Day, told: Any) -> None:
    """The session's own document, its page and the journal tell one story."""
    document = trading_day.document
    assert document["execution"] == told["execution"]
    for order, own in zip(told["orders"], document["orders"], strict=True):
        assert {key: own[key] for key in own.keys() & order.keys()} == {
            key: order[key] for key in own.keys() & order.keys()
        }
    page = trading_day.journal.with_suffix(".html").read_text()
    assert "Execution quality" in page
    assert told["orders"][0]["tag"] in page


def test_the_table_names_orders_as_why_takes_them(trading_day: Day, told: Any) -> None:
    """A line per order, a summary per urgency; the name on a line is one that `volguard why` knows."""
    done = volguard("journal", "orders", root=trading_day.root)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    count = len(told["orders"])
    assert [line.split()[0] for line in lines[1 : count + 1]] == [o["sent_at"][11:19] for o in told["orders"]]
    urgencies = [row["urgency"] for row in told["execution"]["by_urgency"]]
    assert [line.split()[0] for line in lines[count + 4 : -1]] == [*urgencies, "all"]
    named = lines[1].split()[1]
    story = volguard("why", named, "--json", root=trading_day.root)
    assert story.document["tag"] == told["orders"][0]["tag"]


def test_a_day_without_an_order_says_so(waiting_day: Day) -> None:
    """With the shipped defaults nothing was sent: a sentence, and null figures instead of zeros."""
    words = volguard("journal", "orders", root=waiting_day.root)
    assert (words.code, words.out.split(":")[0]) == (0, "no order was sent")
    document = volguard("journal", "orders", "--json", root=waiting_day.root).document
    assert (document["orders"], document["execution"]["by_urgency"]) == ([], [])
    assert document["execution"]["all"]["slippage_inr"] is None


def test_a_simulated_day_is_measured_too(twins: tuple[Day, Day]) -> None:
    """A made-up SHADOW day: each order's figures are those of its own fills, alike in twin sessions."""
    first, second = (volguard("journal", "orders", "--json", root=day.root).document for day in twins)
    assert first["orders"] == second["orders"]
    for order in first["orders"]:
        if order["filled_quantity"]:
            sign = 1 if order["side"] == "BUY" else -1
            beyond = sign * (Decimal(order["average_price"]) - Decimal(order["arrival_mid"]))
            assert abs(Decimal(order["slippage_per_unit"]) - beyond) <= Decimal("0.0001")
            assert order["fill_s"] > 0
