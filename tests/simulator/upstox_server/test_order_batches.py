"""Several orders in one call: multi place, multi cancel, exit all positions."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.simulator.upstox_server.desk import API, CALL, FAR_CALL, FAR_PUT, PUT, START, Desk, fair, open_desk
from volguard.model.instrument import Side
from volguard.simulator.upstox_server.faults import FaultName, FaultRule, Faults
from volguard.simulator.upstox_server.options import Caps

MULTI, CANCEL_ALL, EXIT_ALL = (
    f"{API}/v2/order/multi/place",
    f"{API}/v2/order/multi/cancel",
    f"{API}/v2/order/positions/exit",
)
EVERY_TIME = Faults([FaultRule(name=FaultName.PARTIAL_207, every=1)], seed=1)


def lines(*wanted: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**one, "correlation_id": str(number)} for number, one in enumerate(wanted, start=1)]


def multi(desk: Desk, *wanted: dict[str, Any]) -> httpx.Response:
    return desk.http.post(MULTI, json=lines(*wanted))


def test_what_buys_is_placed_before_what_sells() -> None:
    """Whatever the order of the lines: hedges are at the exchange first."""
    with open_desk() as desk:
        reply = multi(
            desk,
            desk.body(PUT, Side.SELL, tag="s"),
            desk.body(FAR_PUT, Side.BUY, tag="b"),
            desk.body(CALL, Side.SELL, tag="t"),
        )
        assert desk.core.exchange.accepted_tags == ["b", "s", "t"]
    body = reply.json()
    assert reply.status_code == 200 and body["errors"] is None
    assert [row["correlation_id"] for row in body["data"]] == ["2", "1", "3"]
    assert body["summary"] == {"total": 3, "payload_error": 0, "success": 3, "error": 0}


def test_a_sliced_line_answers_with_numbered_correlations() -> None:
    """One line, three orders: _1, _2, _3."""
    with open_desk() as desk:
        reply = multi(desk, desk.body(quantity=65 * 61, slice=True)).json()
    assert [row["correlation_id"] for row in reply["data"]] == ["1_1", "1_2", "1_3"]
    assert reply["summary"]["total"] == 1


def test_one_bad_line_and_nothing_is_placed() -> None:
    """A payload error of any line refuses the whole call and names the line."""
    with open_desk() as desk:
        reply = multi(desk, desk.body(), desk.body(quantity=0), desk.body(tag="x" * 41))
        assert desk.core.exchange.accepted_tags == []
    body = reply.json()
    assert (reply.status_code, body["status"], body["data"]) == (400, "error", None)
    found = [(row["correlation_id"], row["error_code"], row["errorCode"]) for row in body["errors"]]
    assert found == [("2", "UDAPI1052", "UDAPI1052"), ("3", "UDAPI1119", "UDAPI1119")]
    assert body["summary"] == {"total": 3, "payload_error": 2, "success": 0, "error": 0}


@pytest.mark.parametrize(
    ("ids", "code"),
    [([None], "UDAPI1115"), (["x" * 21], "UDAPI1116"), (["same", "same"], "UDAPI1117")],
)
def test_correlation_ids_are_short_and_unique(ids: list[str | None], code: str) -> None:
    """Missing, too long, given twice."""
    with open_desk() as desk:
        body = [{**desk.body(), "correlation_id": one} for one in ids]
        reply = desk.http.post(MULTI, json=body).json()
    assert [row["error_code"] for row in reply["errors"]] == [code]


def test_a_call_carries_some_lines_and_not_too_many() -> None:
    """None is an error, and so is one above the cap."""
    with open_desk(caps=Caps(multi_lines=2)) as desk:
        assert desk.refused(multi(desk)) == (400, "UDAPI1114")
        assert desk.refused(multi(desk, *[desk.body()] * 3)) == (400, "UDAPI1118")
        assert desk.refused(desk.http.post(MULTI, json={})) == (400, "UDAPI100036")
        assert multi(desk, *[desk.body()] * 2).status_code == 200


def test_a_partial_success_has_real_orders_in_it() -> None:
    """207: the lines before the failing one were placed, that one was not."""
    with open_desk(faults=EVERY_TIME) as desk:
        reply = multi(desk, desk.body(tag="a"), desk.body(PUT, tag="b"))
        assert desk.core.exchange.accepted_tags == ["a"]
    body = reply.json()
    assert (reply.status_code, body["status"]) == (207, "partial_success")
    assert [row["correlation_id"] for row in body["data"]] == ["1"]
    assert [(row["correlation_id"], row["error_code"]) for row in body["errors"]] == [("2", "UDAPI100500")]
    assert body["summary"] == {"total": 2, "payload_error": 0, "success": 1, "error": 1}


def resting(desk: Desk, tag: str) -> str:
    return desk.place(price=1.0 + round(fair(CALL) * 0.8), tag=tag)


def test_every_working_order_is_cancelled_or_those_of_a_tag() -> None:
    """Without a tag all of them; the summary counts."""
    with open_desk() as desk:
        a, b, c = (resting(desk, tag) for tag in "abb")
        desk.wait()
        by_tag = desk.http.delete(CANCEL_ALL, params={"tag": "b", "segment": "NSE_FO"}).json()
        assert by_tag["data"] == {"order_ids": [b, c]}
        assert by_tag["summary"] == {"total": 2, "success": 2, "error": 0} and by_tag["errors"] is None
        assert desk.http.delete(CANCEL_ALL).json()["data"]["order_ids"] == [a]
        desk.wait()
        assert {desk.status(one) for one in (a, b, c)} == {"cancelled"}


def test_nothing_to_cancel_and_too_much_have_codes() -> None:
    """1108 (or what is set), 1109 above the cap, 1105 for a segment that is none."""
    with open_desk(caps=Caps(cancel_orders=1)) as desk:
        assert desk.refused(desk.http.delete(CANCEL_ALL)) == (400, "UDAPI1108")
        assert desk.refused(desk.http.delete(CANCEL_ALL, params={"segment": "NSE"})) == (400, "UDAPI1105")
        for tag in "ab":
            resting(desk, tag)
        assert desk.refused(desk.http.delete(CANCEL_ALL)) == (400, "UDAPI1109")
    with open_desk(nothing_to_cancel="UDAPI1109") as desk:
        assert desk.refused(desk.http.delete(CANCEL_ALL)) == (400, "UDAPI1109")


def test_a_cancel_of_many_may_succeed_in_part() -> None:
    """207 names the order that is still there."""
    with open_desk(faults=EVERY_TIME) as desk:
        a, b = (resting(desk, tag) for tag in "ab")
        reply = desk.http.delete(CANCEL_ALL)
        desk.wait()
        assert (desk.status(a), desk.status(b)) == ("cancelled", "open")
    body = reply.json()
    assert (reply.status_code, body["status"], body["data"]) == (207, "partial_success", {"order_ids": [a]})
    (error,) = body["errors"]
    assert (error["order_id"], error["instrument_key"]) == (b, desk.key(CALL))
    assert body["summary"] == {"total": 2, "success": 1, "error": 1}


def spread(desk: Desk) -> None:
    desk.place(FAR_CALL, Side.BUY, tag="hedge")
    desk.place(CALL, Side.SELL, tag="short")
    desk.wait()


@pytest.mark.parametrize(("first", "sides"), [(Side.BUY, ["SELL", "BUY"]), (Side.SELL, ["BUY", "SELL"])])
def test_exit_all_closes_one_side_before_the_other(first: Side, sides: list[str]) -> None:
    """Which one is set: the broker's pages leave it open. All is flat in the end."""
    with open_desk(exit_first=first) as desk:
        spread(desk)
        reply = desk.http.post(EXIT_ALL, json={}).json()
        ids = reply["data"]["order_ids"]
        rows = [desk.data("/v2/order/details", order_id=one) for one in ids]
        assert [row["transaction_type"] for row in rows] == sides
        assert {row["order_type"] for row in rows} == {"MARKET"}
        desk.wait()
        assert [row["quantity"] for row in desk.data("/v2/portfolio/short-term-positions")] == [0, 0]
    assert reply["summary"] == {"total": 2, "success": 2, "error": 0}


def test_exit_all_slices_what_is_large() -> None:
    """Each exit order is below the freeze quantity."""
    with open_desk() as desk:
        for part in range(3):
            desk.place(FAR_CALL, Side.BUY, quantity=650, tag=f"p{part}")
            desk.wait()
        ids = desk.http.post(EXIT_ALL).json()["data"]["order_ids"]
        assert [desk.data("/v2/order/details", order_id=one)["quantity"] for one in ids] == [1755, 195]


def test_exit_all_has_its_refusals() -> None:
    """No position, a segment that is none, above the cap, a tag of no intraday position, market closed."""
    with open_desk(caps=Caps(exit_positions=1)) as desk:
        assert desk.refused(desk.http.post(EXIT_ALL)) == (400, "UDAPI1111")
        assert desk.refused(desk.http.post(EXIT_ALL, params={"segment": "X"})) == (400, "UDAPI1105")
        spread(desk)
        assert desk.refused(desk.http.post(EXIT_ALL)) == (400, "UDAPI1109")
        assert desk.refused(desk.http.post(EXIT_ALL, params={"tag": "hedge"})) == (400, "UDAPI1111")
        desk.clock.set(START.replace(hour=16))
        assert desk.refused(desk.http.post(EXIT_ALL)) == (400, "UDAPI1113")


def test_a_tag_exits_the_intraday_position_that_it_opened() -> None:
    """Product I and the tag of its opening order; the exit order carries the tag."""
    with open_desk() as desk:
        desk.place(FAR_CALL, product="I", tag="mine")
        desk.place(FAR_PUT, product="I", tag="other")
        desk.wait()
        (order_id,) = desk.http.post(EXIT_ALL, params={"tag": "mine"}).json()["data"]["order_ids"]
        row = desk.data("/v2/order/details", order_id=order_id)
    assert (row["instrument_token"], row["tag"], row["transaction_type"]) == (
        desk.key(FAR_CALL),
        "mine",
        "SELL",
    )
