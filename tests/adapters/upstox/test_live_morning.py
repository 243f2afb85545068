"""The live market over the look-alike: what both show agrees, and each fault ends as it should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from tests.adapters.upstox.live_parts import HOUR, OPEN, Stage
from tests.adapters.upstox.test_market import links, shots
from volguard.model.event import Link
from volguard.simulator.market import SyntheticMarket
from volguard.simulator.upstox_server.faults import FaultName, FaultRule


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A look-alike without faults."""
    made = Stage(start=OPEN - timedelta(seconds=10))
    yield made
    made.client.close()


def test_the_chain_that_is_shown_is_the_one_that_was_made(stage: Stage) -> None:
    """Through protobuf and back: prices, sizes and activity of every contract that both list."""
    told = shots(stage.told_for(stage.market.snapshots(), 60.0))
    made = {shot.ts: shot for shot in SyntheticMarket(seed=3, rules=HOUR, cadence_s=3.0).snapshots()}
    assert len(told) == 17 and stage.market.figures["bad_frames"] == 0
    for shot in told:
        truth = made[max(ts for ts in made if ts <= shot.ts)]
        assert shot.underlying_ltp == pytest.approx(truth.underlying_ltp, abs=0.005)
        assert shot.vix == pytest.approx(truth.vix, abs=1e-4)
        pairs = [(row, truth.listing.row(shot.listing.contract(row))) for row in range(len(shot.listing))]
        ours = np.array([row for row, other in pairs if other is not None])
        theirs = np.array([other for _, other in pairs if other is not None])
        assert len(ours) > 250
        for name in ("bid", "bid_qty", "ask", "ask_qty", "ltp", "volume", "oi"):
            np.testing.assert_allclose(getattr(shot, name)[ours], getattr(truth, name)[theirs], atol=1e-9)
        assert shot.quote_age_s is not None and np.nanmax(shot.quote_age_s[ours]) <= 6.0


def test_the_session_keeps_within_the_brokers_limits(stage: Stage) -> None:
    """Ten minutes of confirmations by REST: not one call too many, and none on the wrong host."""
    stage.told_for(stage.market.snapshots(), 600.0)
    assert stage.look_alike.rate_violations == 0 and stage.look_alike.misrouted == 0
    assert stage.market.figures["rest_failures"] == 0


def test_a_cut_feed_is_carried_by_rest_and_comes_back(stage: Stage) -> None:
    """Down once, prices from REST meanwhile, up once."""
    stream = stage.market.snapshots()
    stage.told_for(stream, 30.0)
    assert stage.feed is not None
    stage.feed.is_cut = True
    told = stage.told_for(stream, 60.0)
    ages = [np.nanmax(shot.quote_age_s) for shot in shots(told) if shot.quote_age_s is not None]
    assert links(told) == [(Link.FEED, False)] and len(ages) >= 10 and max(ages) <= 6.0
    stage.feed.uncut()
    assert links(stage.told_for(stream, 10.0)) == [(Link.FEED, True)]


def test_a_token_that_dies_is_told_and_a_new_one_is_taken() -> None:
    """Its sockets die with it: both ties break, nothing is read, and both hold again after a new login."""
    stage = Stage(faults=[FaultRule(name=FaultName.TOKEN_DEATH, at=(OPEN + timedelta(seconds=30),))])
    stream = stage.market.snapshots()
    before = stage.told_for(stream, 29.0)
    told = stage.told_for(stream, 30.0)
    assert links(before) == [] and shots(before)
    assert set(links(told)) == {(Link.TOKEN, False), (Link.FEED, False)} and len(links(told)) == 2
    stage.log_in_again()
    again = stage.told_for(stream, 15.0)
    assert set(links(again)) == {(Link.TOKEN, True), (Link.FEED, True)} and shots(again)
    stage.client.close()


def test_a_frozen_instrument_grows_old_and_no_other_does() -> None:
    """Neither the feed nor REST says anything new of it: its age tells, whatever is asked."""
    at = OPEN + timedelta(seconds=30)
    stage = Stage(faults=[FaultRule(name=FaultName.FROZEN_INSTRUMENT, at=(at,), size=120.0)])
    stream = stage.market.snapshots()
    stage.told_for(stream, 29.0)
    last = shots(stage.told_for(stream, 60.0))[-1]
    (frozen,) = stage.look_alike.board.frozen
    row = last.listing.row(frozen)
    assert row is not None and last.quote_age_s is not None
    assert last.quote_age_s[row] > 50.0
    assert np.nanmax(np.delete(last.quote_age_s, row)) <= 7.0
    thawed = shots(stage.told_for(stream, 90.0))[-1]
    assert thawed.quote_age_s is not None and np.nanmax(thawed.quote_age_s) <= 7.0
    stage.client.close()


@pytest.mark.parametrize(
    "name",
    [
        *(FaultName.LATENCY, FaultName.RATE_LIMIT, FaultName.RATE_LIMIT_IN_200, FaultName.HTML_403),
        *(FaultName.SERVER_ERROR_BEFORE, FaultName.SERVER_ERROR_AFTER, FaultName.DROPPED_REPLY),
        FaultName.EMPTY_400,
    ],
)
def test_a_rest_that_errs_does_not_touch_the_session(name: FaultName) -> None:
    """Quotes by REST fail now and then: the feed carries on, no tie is said to be broken."""
    rule = FaultRule(name=name, probability=0.3, where=frozenset({"quotes"}), size=1.0)
    stage = Stage(faults=[rule], cadence_s=12.0)  # slow, so that REST is asked often
    told = stage.told_for(stage.market.snapshots(), 90.0)
    assert stage.look_alike.faults.fired and len(shots(told)) >= 15
    assert links(told) == []
    stage.client.close()
