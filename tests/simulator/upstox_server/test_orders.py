"""Order calls of one order: placed, changed, cancelled, read back, and every refusal by its code."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.simulator.upstox_server.desk import (
    API,
    CALL,
    ORDERS,
    PUT,
    START,
    fair,
    open_desk,
    shot,
)
from volguard.model.instrument import Side


def test_an_accepted_order_has_a_number_of_its_day_and_a_latency() -> None:
    """The first six digits are the date; latency is whole milliseconds."""
    with open_desk() as desk:
        reply = desk.http.post(f"{ORDERS}/v3/order/place", json=desk.body()).json()
    (order_id,) = reply["data"]["order_ids"]
    assert order_id.isdigit() and order_id.startswith("260916")
    assert type(reply["metadata"]["latency"]) is int


def test_v2_gives_one_number_and_no_latency() -> None:
    """The old call answers with order_id."""
    with open_desk() as desk:
        reply = desk.http.post(f"{ORDERS}/v2/order/place", json=desk.body()).json()
    assert set(reply) == {"status", "data"} and reply["data"]["order_id"].isdigit()


def test_a_limit_order_passes_the_usual_words() -> None:
    """Received, validated, on its way, open, and complete at the first snapshot after it is live."""
    with open_desk() as desk:
        order_id = desk.place()
        assert desk.status(order_id) == "put order req received"
        desk.wait(0.25)
        assert desk.status(order_id) == "open"
        desk.wait()
        assert desk.words(order_id) == [
            "put order req received",
            "validation pending",
            "open pending",
            "open",
            "complete",
        ]


def test_the_book_row_carries_both_spellings_and_every_field() -> None:
    """Fields as the reference lists them; twins agree; times without a zone."""
    with open_desk() as desk:
        order_id = desk.place()
        desk.wait()
        row = desk.data("/v2/order/details", order_id=order_id)
        book = desk.data("/v2/order/retrieve-all")
    assert book == [row]
    assert set(row) == {
        *("exchange", "product", "price", "quantity", "status", "guid", "tag", "instrument_token"),
        *("placed_by", "trading_symbol", "tradingsymbol", "order_type", "validity", "transaction_type"),
        *("trigger_price", "disclosed_quantity", "average_price", "filled_quantity", "pending_quantity"),
        *("status_message", "status_message_raw", "exchange_order_id", "parent_order_id", "order_id"),
        *("variety", "order_timestamp", "exchange_timestamp", "is_amo", "order_request_id", "order_ref_id"),
    }
    assert row["trading_symbol"] == row["tradingsymbol"] == "NIFTY2692224500CE"
    assert (row["exchange"], row["order_timestamp"]) == ("NFO", "2026-09-16 10:00:00")
    assert (row["filled_quantity"], row["pending_quantity"], row["tag"]) == (65, 0, "VG-1")


def test_a_history_row_lacks_what_only_the_book_has() -> None:
    """No guid, no pending quantity, no raw message, no reference; the parent is NA."""
    with open_desk() as desk:
        order_id = desk.place()
        desk.wait()
        rows = desk.data("/v2/order/history", order_id=order_id)
        by_tag = desk.data("/v2/order/history", tag="VG-1")
        neither = desk.get("/v2/order/history", order_id=order_id, tag="other")
    assert not {"guid", "pending_quantity", "status_message_raw", "order_ref_id"} & set(rows[0])
    assert rows[0]["parent_order_id"] == "NA" and rows == by_tag
    assert desk.refused(neither) == (400, "UDAPI100010")


def test_trades_are_read_by_day_and_by_order() -> None:
    """One row per execution; its time has the month by name."""
    with open_desk() as desk:
        first, second = desk.place(), desk.place(PUT, Side.SELL, tag="VG-2")
        desk.wait()
        trades = desk.data("/v2/order/trades/get-trades-for-day")
        assert [trade["order_id"] for trade in trades] == [first, second]
        assert desk.data("/v2/order/trades", order_id=second) == trades[1:]
    assert trades[0]["exchange_timestamp"] == "16-Sep-2026 10:00:15"
    assert trades[0]["average_price"] == round(fair(CALL) + 0.1, 2)


def test_a_partly_filled_order_stays_open_and_fills_by_what_is_shown() -> None:
    """Two lots shown, five wanted: three snapshots, each execution with a number of its own."""
    shots = [shot(15.0 * n, size=130) for n in range(5)]
    with open_desk(*shots) as desk:
        order_id = desk.place(quantity=325)
        desk.wait()
        row = desk.data("/v2/order/details", order_id=order_id)
        assert (row["status"], row["filled_quantity"], row["pending_quantity"]) == ("open", 130, 195)
        desk.wait(30.0)
        trades = desk.data("/v2/order/trades", order_id=order_id)
        assert [trade["quantity"] for trade in trades] == [130, 130, 65]
        assert len({trade["trade_id"] for trade in trades}) == 3
        assert desk.status(order_id) == "complete"


def test_a_modify_changes_price_and_total_quantity_and_counts_up() -> None:
    """The same order, a request number higher; its words say that it was changed."""
    with open_desk() as desk:
        order_id = desk.place(price=1.0 + round(fair(CALL) * 0.8))
        desk.wait()
        change = {
            "order_id": order_id,
            "order_type": "LIMIT",
            "validity": "DAY",
            "price": round(fair(CALL) + 0.1, 2),
            "trigger_price": 0,
            "quantity": 130,
        }
        reply = desk.http.put(f"{ORDERS}/v3/order/modify", json=change).json()
        assert reply["data"] == {"order_id": order_id} and type(reply["metadata"]["latency"]) is int
        desk.wait()
        row = desk.data("/v2/order/details", order_id=order_id)
        words = desk.words(order_id)
    assert (row["status"], row["filled_quantity"], row["order_request_id"]) == ("complete", 130, "2")
    assert words[4:] == ["modify validation pending", "modify pending", "modified", "open", "complete"]


def test_a_cancel_takes_the_order_off() -> None:
    """Cancel pending at once, cancelled after the delay."""
    with open_desk() as desk:
        order_id = desk.place(price=1.0 + round(fair(CALL) * 0.8))
        desk.wait()
        reply = desk.http.delete(f"{ORDERS}/v3/order/cancel", params={"order_id": order_id}).json()
        assert reply["data"] == {"order_id": order_id} and type(reply["metadata"]["latency"]) is int
        assert desk.status(order_id) == "cancel pending"
        desk.wait()
        assert desk.status(order_id) == "cancelled"


def test_what_is_finished_is_neither_modified_nor_cancelled() -> None:
    """Each refusal has its own code."""
    with open_desk() as desk:
        order_id = desk.place()
        desk.wait()
        cancel = desk.http.delete(f"{ORDERS}/v3/order/cancel", params={"order_id": order_id})
        body = {**_change(order_id), "price": 1.0}
        modify = desk.http.put(f"{ORDERS}/v3/order/modify", json=body)
    assert desk.refused(cancel) == (400, "UDAPI100040")
    assert desk.refused(modify) == (400, "UDAPI100041")


def _change(order_id: str, **changes: Any) -> dict[str, Any]:
    body = {"order_id": order_id, "order_type": "LIMIT", "validity": "DAY", "price": 10.0, "trigger_price": 0}
    return {**body, **changes}


@pytest.mark.parametrize(
    ("order_id", "code"),
    [("", "UDAPI1023"), ("what?", "UDAPI1010"), ("260916000000999", "UDAPI100010")],
)
def test_an_order_that_cannot_be_named_is_refused(order_id: str, code: str) -> None:
    """Missing, of a wrong form, unknown: alike for cancel, modify and reading."""
    with open_desk() as desk:
        replies = [
            desk.http.delete(f"{ORDERS}/v3/order/cancel", params={"order_id": order_id}),
            desk.http.put(f"{ORDERS}/v3/order/modify", json=_change(order_id)),
            desk.get("/v2/order/details", order_id=order_id),
            desk.get("/v2/order/trades", order_id=order_id),
            desk.get("/v2/order/history", order_id=order_id),
        ]
    assert {desk.refused(reply) for reply in replies} == {(400, code)}


PLACE_FAULTS = [
    ({"instrument_token": None}, "UDAPI1026"),
    ({"instrument_token": "NSE_FO:1"}, "UDAPI1011"),
    ({"instrument_token": "NSE_FO|1"}, "UDAPI100011"),
    ({"price": None}, "UDAPI1043"),
    ({"price": 0}, "UDAPI1043"),
    ({"order_type": "MARKET", "price": 10.0}, "UDAPI1040"),
    ({"order_type": "SL-M", "price": 10.0, "trigger_price": 9.0}, "UDAPI1040"),
    ({"order_type": ""}, "UDAPI1004"),
    ({"order_type": "ICEBERG"}, "UDAPI1056"),
    ({"validity": None}, "UDAPI1007"),
    ({"validity": "GTC"}, "UDAPI1055"),
    ({"quantity": 0}, "UDAPI1052"),
    ({"quantity": None}, "UDAPI1052"),
    ({"quantity": "65"}, "UDAPI100036"),
    ({"transaction_type": "HOLD"}, "UDAPI100036"),
    ({"product": "OCO"}, "UDAPI100036"),
    ({"trigger_price": 5.0}, "UDAPI100036"),
    ({"order_type": "SL"}, "UDAPI100036"),
    ({"is_amo": None}, "UDAPI100036"),
    ({"tag": "x" * 41}, "UDAPI1119"),
    ({"order_type": "MARKET", "price": 0, "market_protection": 0}, "UDAPI1158"),
    ({"order_type": "MARKET", "price": 0, "market_protection": 26}, "UDAPI1176"),
    ({"order_type": "MARKET", "price": 0, "market_protection": -2}, "UDAPI1177"),
    ({"order_type": "MARKET", "price": 0, "market_protection": 0.5}, "UDAPI1177"),
    ({"quantity": 65 * 27 * 11, "slice": True}, "UDAPI1118"),
]


@pytest.mark.parametrize(("changes", "code"), PLACE_FAULTS)
def test_a_bad_field_is_refused_by_its_code_and_nothing_is_placed(changes: dict[str, Any], code: str) -> None:
    """400 with the code of that field."""
    with open_desk() as desk:
        reply = desk.http.post(f"{ORDERS}/v3/order/place", json=desk.body(**changes))
        assert desk.refused(reply) == (400, code)
        assert desk.core.exchange.accepted_tags == []


def test_a_body_that_is_no_json_is_refused() -> None:
    """So is JSON that is no object."""
    with open_desk() as desk:
        for body in (b"", b"{", b"[]", b"3"):
            reply = desk.http.post(f"{ORDERS}/v3/order/place", content=body)
            assert desk.refused(reply) == (400, "UDAPI100036")


def test_an_algo_name_of_a_wrong_form_is_refused_on_every_write() -> None:
    """A good one is taken."""
    with open_desk() as desk:
        good, bad = {"x-algo-name": "volguard"}, {"x-algo-name": "a;b"}
        taken = desk.http.post(f"{ORDERS}/v3/order/place", json=desk.body(), headers=good)
        replies = [
            desk.http.post(f"{ORDERS}/v3/order/place", json=desk.body(), headers=bad),
            desk.http.put(f"{ORDERS}/v3/order/modify", json=_change("1"), headers=bad),
            desk.http.delete(f"{ORDERS}/v3/order/cancel", params={"order_id": "1"}, headers=bad),
            desk.http.post(f"{API}/v2/order/multi/place", json=[], headers=bad),
            desk.http.delete(f"{API}/v2/order/multi/cancel", headers=bad),
            desk.http.post(f"{API}/v2/order/positions/exit", headers=bad),
        ]
    assert taken.status_code == 200
    assert {desk.refused(reply) for reply in replies} == {(400, "UDAPI1156")}


def test_a_large_order_is_sliced_into_whole_lots_below_the_freeze_quantity() -> None:
    """4000 units at a freeze quantity of 1800 and lots of 65: parts of 1755 and the rest."""
    with open_desk() as desk:
        body = desk.body(quantity=65 * 61, slice=True)
        ids = desk.http.post(f"{ORDERS}/v3/order/place", json=body).json()["data"]["order_ids"]
        quantities = [desk.data("/v2/order/details", order_id=one)["quantity"] for one in ids]
        assert quantities == [1755, 1755, 455]
        assert desk.core.exchange.accepted_tags == ["VG-1"] * 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantity": 64}, "regular lot"),
        ({"quantity": 1820}, "freeze quantity"),
        ({"price": 150.03}, "tick"),
        ({"price": 900.0}, "execution range"),
        ({"quantity": 1755, "price": 200.0}, None),
    ],
)
def test_what_the_exchange_refuses_was_accepted_first(changes: dict[str, Any], message: str | None) -> None:
    """The call succeeds; the order ends rejected, its message says why."""
    with open_desk(capital_inr=Decimal(100_000)) as desk:
        order_id = desk.place(**changes)
        desk.wait()
        row = desk.data("/v2/order/details", order_id=order_id)
    assert row["status"] == "rejected"
    if message is None:
        assert row["status_message"].startswith("You need to add Rs. ")
        assert row["status_message"].endswith(" in your account to place this trade.")
    else:
        assert message in row["status_message"] and row["status_message_raw"] == row["status_message"]


def test_an_order_before_the_open_waits_for_it() -> None:
    """After-market words, then sent at 09:15; one that is cancelled before is not sent."""
    at = START.replace(hour=8, minute=30)
    first = shot(-44 * 60)
    with open_desk(first, shot(0.0), at=at) as desk:
        kept, gone = desk.place(tag="kept"), desk.place(tag="gone")
        desk.http.delete(f"{ORDERS}/v3/order/cancel", params={"order_id": gone})
        desk.http.put(f"{ORDERS}/v3/order/modify", json=_change(kept, price=fair(CALL)))
        desk.wait(45 * 60 + 1.0)
        assert desk.words(gone) == ["after market order req received", "cancelled after market order"]
        words = desk.words(kept)
        row = desk.data("/v2/order/details", order_id=kept)
    assert words[:4] == [
        "after market order req received",
        "modify after market order req received",
        "after market order req received",
        "put order req received",
    ]
    assert (row["is_amo"], row["variety"], row["price"]) == (True, "AMO", fair(CALL))
    assert row["status"] == "open"


def test_the_close_cancels_what_is_left() -> None:
    """A day order does not outlive the session."""
    with open_desk() as desk:
        order_id = desk.place(price=1.0 + round(fair(CALL) * 0.8))
        desk.wait()
        desk.clock.set(START.replace(hour=15, minute=40))
        assert desk.status(order_id) == "cancelled"


def test_yesterdays_orders_are_not_in_the_book() -> None:
    """Reads keep the day's orders alone."""
    with open_desk() as desk:
        desk.place()
        desk.clock.set(START + timedelta(days=1))
        desk.http.headers["authorization"] = f"Bearer {desk.core.issue_token()}"
        assert desk.data("/v2/order/retrieve-all") == []
        assert desk.data("/v2/order/trades/get-trades-for-day") == []


def test_an_immediate_order_fills_or_is_gone() -> None:
    """IOC: what the first snapshot does not fill is cancelled."""
    with open_desk(*[shot(15.0 * n, size=130) for n in range(4)]) as desk:
        order_id = desk.place(quantity=195, validity="IOC")
        desk.wait()
        row = desk.data("/v2/order/details", order_id=order_id)
    assert (row["status"], row["filled_quantity"]) == ("cancelled", 130)


def test_a_market_order_takes_the_touch_within_its_protection() -> None:
    """Its price reads 0; what it paid is the ask."""
    with open_desk() as desk:
        order_id = desk.place(order_type="MARKET", price=0, market_protection=-1)
        desk.wait()
        row = desk.data("/v2/order/details", order_id=order_id)
    assert (row["status"], row["price"]) == ("complete", 0.0)
    assert row["average_price"] == round(fair(CALL) + 0.1, 2)


def test_a_stop_sleeps_until_its_trigger() -> None:
    """Trigger pending until the last price reaches it, then open, then filled."""
    shots = [shot(0.0), shot(15.0), shot(30.0, spot=24600.0), shot(45.0, spot=24600.0)]
    with open_desk(*shots) as desk:
        trigger = round(fair(CALL) + 20.0, 2)
        order_id = desk.place(order_type="SL", trigger_price=trigger, price=trigger + 40.0)
        desk.wait()
        assert desk.status(order_id) == "trigger pending"
        desk.wait()
        assert desk.status(order_id) == "open"
        desk.wait()
        assert desk.status(order_id) == "complete"
        assert desk.words(order_id)[3:] == ["trigger pending", "open", "complete"]


def test_an_update_goes_out_for_every_word_and_the_position_after_a_fill() -> None:
    """In order; the order update has the twins that only the stream has."""
    with open_desk() as desk:
        order_id = desk.place()
        desk.wait()
        updates = desk.core.drain_updates()
        assert desk.core.drain_updates() == []
    kinds = [(one["update_type"], one.get("status")) for one in updates]
    assert kinds == [
        ("order", "put order req received"),
        ("order", "validation pending"),
        ("order", "open pending"),
        ("order", "open"),
        ("order", "complete"),
        ("position", None),
    ]
    first, last = updates[0], updates[-1]
    assert first["user_id"] == first["userId"] and first["instrument_key"] == first["instrument_token"]
    assert (first["exchange"], first["order_id"], first["exchange_order_id"]) == ("NFO", order_id, "")
    assert (last["exchange"], last["quantity"], last["day_buy_quantity"]) == ("NSE_FO", 65, 65)
    assert not {"pnl", "last_price", "realised"} & set(last)


def test_order_writes_are_counted_where_they_came_to_the_wrong_host() -> None:
    """They are answered there all the same."""
    with open_desk() as desk:
        desk.place()
        assert desk.core.misrouted == 0
        assert desk.http.post(f"{API}/v3/order/place", json=desk.body()).status_code == 200
        assert desk.http.post(f"{ORDERS}/v2/order/multi/place", json=[]).status_code == 400
        assert desk.core.misrouted == 2
