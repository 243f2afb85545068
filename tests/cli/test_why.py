"""`volguard why`: from the journal alone, why an order was sent or a trade was not made."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.cli.command import Day, needs_real_day, volguard

pytestmark = needs_real_day

KEYS = {"schema", "journal", "tag", "decisions", "orders", "fills", "trade_states", "charges_inr"}


def why(day: Day, tag: str) -> Any:
    done = volguard("why", tag, "--json", root=day.root)
    assert done.code == 0, done.err
    assert done.document.keys() == KEYS
    assert (done.document["schema"], done.document["tag"]) == ("volguard.why/1", tag)
    return done.document


def entered_trade(day: Day) -> Any:
    return next(trade for trade in day.document["trades"] if trade["entry"] is not None)


def test_a_trade_is_told_from_decision_to_charges(trading_day: Day) -> None:
    """A trade's story holds its decision with figures, its orders, each fill, its states and all charges."""
    trade = entered_trade(trading_day)
    story = why(trading_day, trade["trade_id"])
    entered = story["decisions"][0]
    assert (entered["action"], entered["trade_id"]) == ("ENTER", trade["trade_id"])
    for figure in (
        "implied_vol",
        "forecast_vol",
        "credit_per_unit",
        "cost_share_of_credit",
        "risk_budget_inr",
    ):
        assert isinstance(entered["figures"][figure], float), figure
    fills = [fill for fill in trading_day.document["fills"] if fill["trade_id"] == trade["trade_id"]]
    told = [(f["ts"], f["side"], f["quantity"], f"{Decimal(f['price']):.2f}") for f in story["fills"]]
    assert told == [(f["ts"], f["side"], f["quantity"], f["price"]) for f in fills]
    assert story["charges_inr"] == trade["charges_inr"]
    placed = [order["tag"] for order in story["orders"] if order["what"] == "Place"]
    ordered = [order["tag"] for order in trading_day.document["orders"]]
    assert placed == [tag for tag in ordered if tag in set(placed)]
    assert {fill["tag"] for fill in story["fills"]} <= set(placed)
    assert story["trade_states"][-1]["state"] == trade["state"]


def test_a_decision_is_told_with_the_signals_it_was_made_on(trading_day: Day) -> None:
    """An entry with those of its own look, a wait with those noted last; each says a word or why not."""
    entered = why(trading_day, entered_trade(trading_day)["trade_id"])["decisions"][0]
    noted = entered["signals"]
    assert (noted["ts"], noted["cause"]) == (entered["ts"], "DECISION")
    by_name = {signal["name"]: signal for signal in noted["signals"]}
    assert by_name["foreign_futures"]["says"] == "CROWDED_SHORT"
    assert by_name["skew_25_delta"]["missing"] == "no past of the skew is at hand"
    for signal in noted["signals"]:
        assert bool(signal["says"]) is not bool(signal["missing"])
    waited = why(trading_day, "WEEKLY@14:55")["decisions"][0]
    assert waited["action"] == "WAIT" and waited["signals"]["ts"] < waited["ts"]
    done = volguard("why", "WEEKLY@14:55", root=trading_day.root)
    assert "signals, as noted last at" in done.out
    assert "skew_25_delta 2025-09-02: abstains, no past of the skew is at hand (put less call" in done.out


def test_every_order_says_who_approved_it(trading_day: Day) -> None:
    """Each order carries the review that let it pass: its number, moment and the quotes it looked at."""
    story = why(trading_day, entered_trade(trading_day)["trade_id"])
    for order in story["orders"]:
        if order["what"] == "Place":
            assert order["review"] >= 1
            assert order["quotes"]
            assert order["approved_at"] <= order["valid_until"]


def test_an_order_is_told_by_its_tag(trading_day: Day) -> None:
    """An order's own tag tells that order alone, under its trade's decision."""
    order = next(o for o in trading_day.document["orders"] if o["filled_quantity"])
    story = why(trading_day, order["tag"])
    assert {told["tag"] for told in story["orders"]} == {order["tag"]}
    assert sum(fill["quantity"] for fill in story["fills"]) == order["filled_quantity"]
    assert story["decisions"][0]["trade_id"] == order["trade_id"]


def test_a_trade_that_was_not_made_is_told_by_bucket_and_time(waiting_day: Day) -> None:
    """WEEKLY@11:30 gives the bucket's last decision up to that minute, with the figures that said no."""
    story = why(waiting_day, "WEEKLY@11:30")
    (decision,) = story["decisions"]
    assert decision["bucket"] == "WEEKLY"
    assert "2025-08-29T11:29" < decision["ts"] <= "2025-08-29T11:30:59.999"
    assert decision["action"] == "WAIT"
    assert decision["figures"]["implied_vol"] < decision["figures"]["forecast_vol"]
    assert story["orders"] == story["fills"] == []
    assert story["charges_inr"] is None


def test_a_bucket_without_a_time_gives_its_last_decision(waiting_day: Day) -> None:
    """A bucket alone gives the newest decision, in any case of letters."""
    told = why(waiting_day, "monthly".upper())["decisions"][0]
    last = [b["decision"] for _, _, b in waiting_day.rows("DecisionMade")]
    assert told["ts"] == [d for d in last if d["bucket"] == "MONTHLY"][-1]["ts"]


def test_refused_candidates_are_shown_with_their_reason(trading_day: Day) -> None:
    """Structures that were weighed and refused are listed, each with figures and the reason."""
    weighed = [b["decision"] for _, _, b in trading_day.rows("DecisionMade")]
    decision = next(d for d in weighed if any(c["refusal"] for c in d["candidates"]))
    story = why(trading_day, f"{decision['bucket']}@{decision['ts'][11:19]}")
    shown = [c for told in story["decisions"] for c in told["candidates"]]
    refused = [c for c in shown if c["refusal"]]
    assert refused and refused == [c for c in decision["candidates"] if c["refusal"]]
    assert all(c["figures"] for c in shown)


def test_words_fit_one_screen_and_hold_the_figures(trading_day: Day) -> None:
    """For a person the same is told in lines: decision, figures, orders, fills, charges."""
    trade = entered_trade(trading_day)
    done = volguard("why", trade["trade_id"], root=trading_day.root)
    assert done.code == 0
    assert done.out.startswith(f"{trade['trade_id']} in ")
    for word in ("ENTER", "implied_vol = ", "orders", "fills", f"charges {trade['charges_inr']}"):
        assert word in done.out


@pytest.mark.parametrize("tag", ["T999", "VGnothing", "WEEKLY@08:00", "QUARTERLY"])
def test_an_unknown_tag_is_refused(waiting_day: Day, tag: str) -> None:
    """What the journal knows nothing of is refused with exit 2 and named."""
    done = volguard("why", tag, "--json", root=waiting_day.root)
    assert (done.code, done.out) == (2, "")
    assert str(waiting_day.journal) in done.error["error"]
    assert tag.partition("@")[0] in done.error["error"]
