"""The recorded day with both edge switches off: what is traded, against the quotes and the fee schedule."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pandas as pd
import pytest

from tests.cli.command import CHAIN, Day, needs_real_day
from tests.scenario.decision_checks import judge
from tests.scenario.played_days import of_journal
from volguard.model.decision import Action

pytestmark = needs_real_day

LOT = 75
PAISA = Decimal("0.01")
# Rates in force on 29 August 2025, by hand from the fee schedule: per rupee of premium.
STT_SELL = Decimal("0.001")
EXCHANGE = Decimal("0.0003503")
IPFT = Decimal("0.000005")
SEBI = Decimal("0.000001")
STAMP_BUY = Decimal("0.00003")
GST = Decimal("0.18")
BROKERAGE_PER_ORDER = Decimal(20)

Contract = tuple[date, int, str]


@pytest.fixture(scope="module")
def quotes() -> pd.DataFrame:
    """The file's quotes by snapshot and contract."""
    columns = ["ts", "expiry", "strike", "option_type", "bid", "bid_qty", "ask", "ask_qty"]
    frame = pd.read_parquet(CHAIN, columns=columns).astype({"option_type": str})
    return frame.set_index(["ts", "expiry", "strike", "option_type"]).sort_index()


def contract_of(row: Any) -> Contract:
    return date.fromisoformat(row["expiry"]), row["strike"], row["option_type"]


def key_of(fill: Any) -> tuple[pd.Timestamp, date, int, str]:
    return pd.Timestamp(fill["ts"]).tz_convert("Asia/Kolkata"), *contract_of(fill)


def signed(fill: Any) -> int:
    return fill["quantity"] if fill["side"] == "BUY" else -fill["quantity"]


def cash(fill: Any) -> Decimal:
    return -signed(fill) * Decimal(fill["price"])


def expected_charges(fill: Any, *, is_first_of_order: bool) -> Decimal:
    premium = Decimal(fill["price"]) * fill["quantity"]
    brokerage = BROKERAGE_PER_ORDER if is_first_of_order else Decimal(0)
    taxed = brokerage + premium * (EXCHANGE + SEBI)
    own = STT_SELL if fill["side"] == "SELL" else STAMP_BUY
    return taxed * (1 + GST) + premium * (IPFT + own)


def exact_charges(fills: list[Any]) -> list[Decimal]:
    seen: set[str] = set()
    charges = []
    for fill in fills:
        charges.append(expected_charges(fill, is_first_of_order=fill["tag"] not in seen))
        seen.add(fill["tag"])
    return charges


def test_the_day_trades(trading_day: Day) -> None:
    """With the forecast's edge and the premium not required, at least one trade is opened and ends well."""
    document = trading_day.document
    assert document["trades"]
    assert any(trade["entry"] is not None for trade in document["trades"])
    assert document["fills"]
    assert document["orders"]
    assert all(trade["structure"] != "WAIT" for trade in document["trades"])
    assert document["decisions_hash"]


def test_what_was_entered_passed_the_cost_test_in_its_hours(trading_day: Day) -> None:
    """Credit, costs and windows reckoned anew from the quotes recorded; the edge was shown, not judged."""
    told = of_journal(trading_day.journal)
    judge(told)
    entered = list(told.of(Action.ENTER))
    assert entered
    assert not any(decision.figures["forecast_edge_judged"] for decision in entered)


def test_every_fill_is_at_or_worse_than_the_quote(trading_day: Day, quotes: pd.DataFrame) -> None:
    """A buy pays the ask or more, a sale gets the bid or less, of the very snapshot that filled it."""
    for fill in trading_day.document["fills"]:
        quote = quotes.loc[key_of(fill)]
        price = float(fill["price"])
        if fill["side"] == "BUY":
            assert price >= quote["ask"] > 0.0
        else:
            assert 0.0 < price <= quote["bid"]


def test_no_fill_exceeds_the_size_shown(trading_day: Day, quotes: pd.DataFrame) -> None:
    """All fills of one contract and side in one snapshot together take no more than the size shown."""
    taken: dict[Any, int] = defaultdict(int)
    for fill in trading_day.document["fills"]:
        taken[(key_of(fill), fill["side"])] += fill["quantity"]
    for (key, side), quantity in taken.items():
        assert quantity <= quotes.loc[key, "ask_qty" if side == "BUY" else "bid_qty"]


def test_every_quantity_is_whole_lots(trading_day: Day) -> None:
    """Orders, fills, legs and positions count units in multiples of the lot of 75."""
    document = trading_day.document
    counted = [row["quantity"] for name in ("orders", "fills", "open_positions") for row in document[name]]
    counted += [leg["quantity"] for trade in document["trades"] for leg in trade["legs"]]
    assert counted
    assert all(quantity % LOT == 0 for quantity in counted)


def test_every_short_has_its_long_at_every_moment(trading_day: Day) -> None:
    """Fill by fill in the journal's order, no trade is ever shorter of a type and expiry than long."""
    held: dict[tuple[str, date, str], int] = defaultdict(int)
    fills = trading_day.rows("FillBooked")
    assert len(fills) == len(trading_day.document["fills"])
    for seq, _, body in fills:
        contract = body["fill"]["contract"]
        side = (body["trade_id"], date.fromisoformat(contract["expiry"]), contract["option_type"])
        held[side] += signed(body["fill"])
        assert held[side] >= 0, f"row {seq}: {side} is short of its hedge"


def test_orders_are_not_filled_beyond_their_limit(trading_day: Day) -> None:
    """An order's fills add up to its filled quantity, never above what was ordered."""
    filled: dict[str, int] = defaultdict(int)
    for fill in trading_day.document["fills"]:
        filled[fill["tag"]] += fill["quantity"]
    for order in trading_day.document["orders"]:
        assert filled[order["tag"]] == order["filled_quantity"] <= order["quantity"]


def test_no_fill_comes_early_or_across_a_hole(trading_day: Day) -> None:
    """A fill comes at least 250 ms after its order, and never on the first snapshot after a hole."""
    sent = {order["tag"]: pd.Timestamp(order["sent_at"]) for order in trading_day.document["orders"]}
    after_holes = {hole["to"] for hole in trading_day.document["gaps"]}
    for fill in trading_day.document["fills"]:
        assert pd.Timestamp(fill["ts"]) - sent[fill["tag"]] >= pd.Timedelta(milliseconds=250)
        assert fill["ts"] not in after_holes


def test_charges_of_every_fill_are_those_of_the_schedule(trading_day: Day) -> None:
    """STT, exchange fee, IPFT, SEBI fee, stamp, GST and one brokerage an order, computed here by hand."""
    fills = trading_day.document["fills"]
    for fill, exact in zip(fills, exact_charges(fills), strict=True):
        assert Decimal(fill["charges_inr"]) == exact.quantize(PAISA, ROUND_HALF_EVEN)
    booked = [body["fill"] for _, _, body in trading_day.rows("FillBooked")]
    for fill, exact in zip(booked, exact_charges(booked), strict=True):
        assert abs(Decimal(fill["charges_inr"]) - exact) <= Decimal("0.000001")


def test_the_day_adds_up_to_the_paisa(trading_day: Day) -> None:
    """Gross is realised plus unrealised, net is gross less charges, and gross is the cash plus the marks."""
    document = trading_day.document
    realised, unrealised, gross, charges, net = (
        Decimal(document[key])
        for key in (
            *("realised_pnl_inr", "unrealised_pnl_inr", "gross_pnl_inr"),
            *("charges_inr", "net_pnl_inr"),
        )
    )
    assert gross == realised + unrealised
    assert net == gross - charges
    marked = sum(Decimal(p["mark"]) * p["quantity"] for p in document["open_positions"])
    assert gross == sum(cash(fill) for fill in document["fills"]) + marked
    booked = [body["fill"] for _, _, body in trading_day.rows("FillBooked")]
    assert charges == sum(exact_charges(booked), Decimal(0)).quantize(PAISA, ROUND_HALF_EVEN)
    for amount in (document["net_pnl_inr"], document["charges_inr"]):
        assert amount == f"{Decimal(amount):.2f}"


def test_every_trade_adds_up(trading_day: Day) -> None:
    """Each trade's net is its gross less its charges; the trades together are the day."""
    document = trading_day.document
    for trade in document["trades"]:
        money = {name: Decimal(trade[name]) for name in ("gross_pnl_inr", "charges_inr", "net_pnl_inr")}
        assert money["net_pnl_inr"] == money["gross_pnl_inr"] - money["charges_inr"]
    assert sum(Decimal(t["gross_pnl_inr"]) for t in document["trades"]) == Decimal(document["gross_pnl_inr"])


def test_open_positions_are_what_the_fills_left(trading_day: Day, quotes: pd.DataFrame) -> None:
    """Positions equal the sum of fills, and are marked where they could be closed in the last snapshot."""
    document = trading_day.document
    left: dict[Contract, int] = defaultdict(int)
    for fill in document["fills"]:
        left[contract_of(fill)] += signed(fill)
    positions = {contract_of(p): p for p in document["open_positions"]}
    assert {key: p["quantity"] for key, p in positions.items()} == {k: q for k, q in left.items() if q}
    last = quotes.index.get_level_values("ts").max()
    for contract, position in positions.items():
        quote = quotes.loc[(last, *contract)]
        touch = quote["bid"] if position["quantity"] > 0 else quote["ask"]
        assert Decimal(position["mark"]) == Decimal(str(touch)).quantize(PAISA)
        gain = (Decimal(position["mark"]) - Decimal(position["entry_price"])) * position["quantity"]
        assert abs(Decimal(position["unrealised_pnl_inr"]) - gain) <= abs(position["quantity"]) * PAISA / 2


def test_open_trades_have_no_exit(trading_day: Day) -> None:
    """A trade's exit is null exactly while it is open."""
    for trade in trading_day.document["trades"]:
        assert (trade["exit"] is None) == (trade["state"] == "OPEN")
