"""What stands before every call: route, token, budget, hours, faults; and what is done when one strikes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.simulator.upstox_server.desk import API, CALL, ORDERS, START, Desk, fair, open_desk
from volguard.model.instrument import Side
from volguard.simulator.upstox_server.faults import FaultName, FaultRule, Faults
from volguard.simulator.upstox_server.limits import RateClass, RateLimit

PLACE = f"{ORDERS}/v3/order/place"
BOOK = "/v2/order/retrieve-all"


def always(name: FaultName, **rule: Any) -> Faults:
    return Faults([FaultRule(name=name, every=1, **rule)], seed=3)


def accepted(desk: Desk) -> int:
    return len(desk.core.exchange.accepted_tags)


def test_an_unknown_path_and_a_wrong_method() -> None:
    """404 and 405 with their codes; a path with places too."""
    with open_desk() as desk:
        assert desk.refused(desk.get("/v3/nothing")) == (404, "UDAPI100060")
        assert desk.refused(desk.get("/v3/expired-instruments/expiries")) == (404, "UDAPI100060")
        assert desk.refused(desk.http.post(API + BOOK)) == (405, "UDAPI10000")
        assert desk.refused(desk.http.post(f"{API}/v2/market/timings/2026-09-16")) == (405, "UDAPI10000")


@pytest.mark.parametrize(("hour", "minute", "is_open"), [(0, 0, False), (5, 29, False), (5, 30, True)])
def test_order_services_sleep_from_midnight_to_half_past_five(hour: int, minute: int, is_open: bool) -> None:
    """Writes and reads alike; the status can be set."""
    at = (START + timedelta(days=1)).replace(hour=hour, minute=minute)
    with open_desk(at=at, order_window_status=400) as desk:
        replies = [
            desk.http.post(PLACE, json=desk.body()),
            desk.get(BOOK),
            desk.http.delete(f"{API}/v2/order/multi/cancel"),
        ]
        if is_open:
            assert [reply.status_code for reply in replies[:2]] == [200, 200]
        else:
            assert {desk.refused(reply) for reply in replies} == {(400, "UDAPI100074")}


def test_order_writes_share_one_budget() -> None:
    """Ten in a second whatever they are; the eleventh is refused and counted; a second later it goes."""
    with open_desk() as desk:
        for n in range(9):
            desk.place(tag=f"t{n}")
        assert desk.http.post(f"{API}/v2/order/multi/place", json=[]).status_code == 400
        assert desk.refused(desk.http.post(PLACE, json=desk.body())) == (429, "UDAPI10005")
        assert (accepted(desk), desk.core.rate_violations) == (9, 1)
        desk.clock.advance(1.0)
        desk.place()


def test_other_calls_have_a_budget_each() -> None:
    """Fifty of one in a second, and fifty of another."""
    with open_desk() as desk:
        assert {desk.get(BOOK).status_code for _ in range(50)} == {200}
        assert desk.refused(desk.get(BOOK)) == (429, "UDAPI10005")
        assert desk.get("/v2/user/profile").status_code == 200


def test_lines_of_a_multi_order_may_count_one_each() -> None:
    """As the exchange's own limit has it."""
    limits = {name: RateLimit(per_second=3, per_minute=99, per_half_hour=99) for name in RateClass}
    with open_desk(limits=limits, counts_lines=True) as desk:
        body = [{**desk.body(), "correlation_id": str(n)} for n in range(2)]
        url = f"{API}/v2/order/multi/place"
        assert desk.http.post(url, json=body).status_code == 200
        assert desk.http.post(url, json=body).status_code == 429


def test_a_sandbox_has_seven_paths() -> None:
    """Orders only."""
    with open_desk(is_sandbox=True) as desk:
        desk.place()
        assert desk.refused(desk.get(BOOK)) == (404, "UDAPI100060")


BEFORE = [
    (FaultName.HTML_403, 403),
    (FaultName.EMPTY_400, 400),
    (FaultName.RATE_LIMIT, 429),
    (FaultName.RATE_LIMIT_IN_200, 200),
]


@pytest.mark.parametrize(("name", "status"), BEFORE)
def test_a_fault_before_acceptance_does_nothing(name: FaultName, status: int) -> None:
    """A page, an empty body, a limit at 429 or inside a 200: no order, and the strike is on record."""
    with open_desk(faults=always(name)) as desk:
        reply = desk.http.post(PLACE, json=desk.body())
        assert (reply.status_code, accepted(desk)) == (status, 0)
        (fired,) = desk.core.faults.fired
    assert (fired.name, fired.at, fired.where) == (name, START, "place")
    if name is FaultName.HTML_403:
        assert reply.headers["content-type"].startswith("text/html") and "1010" in reply.text
    elif name is FaultName.EMPTY_400:
        assert reply.content == b""
    else:
        assert reply.json()["errors"][0]["error_code"] == "UDAPI10005"
    assert desk.core.rate_violations == 0


def test_a_server_error_strikes_before_or_after_acceptance() -> None:
    """5xx either way, as JSON or as a page of the gateway: only afterwards is there an order."""
    for name, count in ((FaultName.SERVER_ERROR_BEFORE, 0), (FaultName.SERVER_ERROR_AFTER, 9)):
        with open_desk(faults=always(name)) as desk:
            replies = [desk.http.post(PLACE, json=desk.body(tag=f"t{n}")) for n in range(9)]
            assert accepted(desk) == count
        statuses = {reply.status_code for reply in replies}
        assert statuses <= {500, 502, 503, 504} and len(statuses) > 1


def test_a_dropped_reply_leaves_an_order_behind() -> None:
    """The caller sees the connection end."""
    with open_desk(faults=always(FaultName.DROPPED_REPLY, where=frozenset({"place"}))) as desk:
        with pytest.raises(httpx.ReadError):
            desk.http.post(PLACE, json=desk.body(tag="lost"))
        assert desk.core.exchange.accepted_tags == ["lost"]
        assert [row["tag"] for row in desk.data(BOOK)] == ["lost"]


def test_latency_beyond_the_callers_patience_is_a_timeout_after_the_work() -> None:
    """The clock moves by what was waited."""
    with open_desk(faults=always(FaultName.LATENCY, size=9.0, times_max=1)) as desk:
        with pytest.raises(httpx.ReadTimeout):
            desk.http.post(PLACE, json=desk.body())
        assert accepted(desk) == 1 and desk.clock.now() == START + timedelta(seconds=7)
    with open_desk(faults=always(FaultName.LATENCY, size=2.0, times_max=1)) as desk:
        assert desk.http.post(PLACE, json=desk.body()).status_code == 200
        assert desk.clock.now() == START + timedelta(seconds=2)


def test_logins_are_spared_unless_a_rule_names_them() -> None:
    """A rehearsal must be able to begin."""
    url = f"{API}/v2/login/authorization/token"
    with open_desk(faults=always(FaultName.HTML_403)) as desk:
        assert desk.refused(desk.http.post(url, data={"client_id": "x"})) == (400, "UDAPI1018")
    faults = always(FaultName.HTML_403, where=frozenset({"exchange_code"}))
    with open_desk(faults=faults) as desk:
        assert desk.http.post(url, data={"client_id": "x"}).status_code == 403


def test_a_token_dies_when_it_is_told_to() -> None:
    """From that moment 401; a new login helps."""
    at = START + timedelta(seconds=30)
    with open_desk(faults=Faults([FaultRule(name=FaultName.TOKEN_DEATH, at=(at,))], seed=1)) as desk:
        assert desk.get(BOOK).status_code == 200
        desk.wait(30.0)
        assert desk.refused(desk.get(BOOK)) == (401, "UDAPI100050")
        desk.http.headers["authorization"] = f"Bearer {desk.core.issue_token()}"
        assert desk.get(BOOK).status_code == 200


def test_a_late_fill_beats_the_cancel_that_was_taken() -> None:
    """The cancel call succeeds, and the order is filled at its limit."""
    with open_desk(faults=always(FaultName.LATE_FILL)) as desk:
        limit = round(fair(CALL) * 0.8, 1)
        order_id = desk.place(price=limit)
        desk.wait()
        assert desk.http.delete(f"{ORDERS}/v3/order/cancel", params={"order_id": order_id}).is_success
        desk.wait()
        row = desk.data("/v2/order/details", order_id=order_id)
    assert (row["status"], row["filled_quantity"], row["average_price"]) == ("complete", 65, limit)


def test_an_instrument_near_the_money_freezes() -> None:
    """One of the nearest expiry, for as long as the rule says; the strike is recorded."""
    rule = FaultRule(name=FaultName.FROZEN_INSTRUMENT, after_s=15.0, size=60.0)
    with open_desk(faults=Faults([rule], seed=5)) as desk:
        desk.wait(15.0)
        assert desk.core.board.frozen == {}  # the schedule counts from the first asking
        desk.wait(15.0)
        ((key, until),) = desk.core.board.frozen_keys().items()
        assert key.startswith("NSE_FO|") and until == START + timedelta(seconds=90)
        (contract,) = desk.core.board.frozen
        assert abs(contract.strike - 24500) <= 300
        desk.wait(75.0)
        assert desk.core.board.frozen_keys() == {}


def test_updates_come_twice_or_out_of_order() -> None:
    """Doubled ones are equal, a reordered one comes after the next; nothing is lost."""
    with open_desk(faults=always(FaultName.DUPLICATE_UPDATES)) as desk:
        desk.place(side=Side.BUY)
        desk.wait()
        doubled = [one.get("status") for one in desk.core.drain_updates()]
    assert doubled[::2] == doubled[1::2] and len(doubled) == 12
    with open_desk(faults=always(FaultName.REORDERED_UPDATES)) as desk:
        desk.place()
        desk.wait()
        told = [one.get("status") for one in (*desk.core.drain_updates(), *desk.core.drain_updates())]
    assert told == [
        *("validation pending", "put order req received", "open", "open pending"),
        *(None, "complete"),
    ]


def test_updates_are_lost_in_silence() -> None:
    """Nothing is told of an order that lives and fills; once faults are over everything is."""
    with open_desk(faults=always(FaultName.LOST_UPDATES)) as desk:
        desk.place()
        desk.wait()
        assert desk.core.counts.trades == 1 and desk.core.drain_updates() == []
        desk.core.faults.end()
        desk.place(tag="VG-2")
        desk.wait()
        assert len(desk.core.drain_updates()) == 6 and desk.core.updates_waiting == 0
        assert {fired.name for fired in desk.core.faults.fired} == {FaultName.LOST_UPDATES}


def test_requests_are_counted() -> None:
    """All of them, whatever became of them."""
    with open_desk() as desk:
        desk.place()
        desk.get("/v3/nothing")
        desk.wait()
        counts = desk.core.counts
    assert (counts.requests, counts.orders_accepted, counts.trades, counts.faults_fired) == (2, 1, 1, 0)
