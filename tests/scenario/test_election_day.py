"""4 June 2024 as a story: the index falls by almost 6 %, and a book that is too large is stopped in order.

The index is the real one, minute by minute. India VIX is known by its open, high, low and close alone and is
interpolated (`volguard.simulator.given_path`): its high where the index is lowest, its low where the index is
highest after the open, between them in step with the index. The option quotes are the simulator's own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.command import rows_of
from tests.fakes import MemoryJournal, shipped
from tests.scenario import election_day
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.journal_verify import verify
from volguard.adapters.recovery import recover_state
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.engine.state import State
from volguard.engine.step import Engine
from volguard.model.decision import TradingState
from volguard.model.event import Alert, DecisionMade, MarketSeen
from volguard.model.market import ChainSnapshot
from volguard.risk.vix_spike import VixSpikeState, note_vix

ACCOUNT_INR = Decimal(2_000_000)
STOPS_AWAY = ("limits.soft_stop_share=0.98", "limits.hard_stop_share=0.99")


@dataclass(frozen=True, kw_only=True)
class Story:
    """The session's journal, row by row, and the state it ended in."""

    path: Path
    engine: Engine
    end: State
    rows: list[tuple[int, str, Any]]

    def of(self, kind: str) -> list[tuple[int, Any]]:
        """(seq, body) of the rows of a kind."""
        return [(seq, body) for seq, found, body in self.rows if found == kind]

    def decisions(self, action: str | None = None) -> list[tuple[int, Any]]:
        """(seq, decision), of one action or all."""
        found = [(seq, body["decision"]) for seq, body in self.of("DecisionMade")]
        return [(seq, held) for seq, held in found if action in (None, held["action"])]

    def changed(self, reason: str) -> int:
        """The one row in which trading changed state for that reason."""
        (seq,) = (seq for seq, body in self.of("StateChanged") if body["reason"] == reason)
        return seq

    def flatten(self) -> int:
        """The one row in which everything is decided to be closed."""
        ((seq, _),) = self.decisions("FLATTEN")
        return seq


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The whole day with the book that is too large, into a journal of its own."""
    engine = election_day.engine(election_day.SPIKE_AT_SEVEN)
    path = tmp_path_factory.mktemp("election") / "day.db"
    journal = SqliteJournal.open(path, create=True)
    end = election_day.run_into(journal, engine)
    journal.close()
    return Story(path=path, engine=engine, end=end, rows=rows_of(path))


@pytest.fixture(scope="module")
def snapshots() -> tuple[ChainSnapshot, ...]:
    """The day's market."""
    return tuple(election_day.market().snapshots())


def ts_of(body: Any) -> datetime:
    return datetime.fromisoformat(body["ts"])


def pnl_before(story: Story, seq: int) -> list[Decimal]:
    """The day's net result at every look up to a row, the row's own look last."""
    at = next(ts_of(body) for found, _, body in story.rows if found == seq)
    looks = [body for _, body in story.of("MarketSeen") if ts_of(body) <= at]
    return [Decimal(str(body["figures"]["pnl_net_inr"])) for body in looks]


def test_the_index_is_the_one_of_the_file(snapshots: tuple[ChainSnapshot, ...]) -> None:
    """Every fourth look is a minute's open, and the looks of each minute reach its high and low."""
    minutes = election_day.minutes()
    spot = np.array([snapshot.underlying_ltp for snapshot in snapshots]).reshape(-1, 4)
    assert len(minutes) == 375
    np.testing.assert_array_equal(spot[:, 0], minutes[:, 0])
    np.testing.assert_array_equal(spot[:, 3], minutes[:, 3])
    np.testing.assert_array_equal(spot.max(axis=1), minutes[:, 1])
    np.testing.assert_array_equal(spot.min(axis=1), minutes[:, 2])
    daily = next(bar for bar in election_day.daily("NIFTY") if bar.day == election_day.DAY)
    assert spot.min() == daily.low
    assert daily.close / election_day.before("NIFTY")[-1].close - 1.0 == pytest.approx(-0.0593, abs=1e-4)


def test_vix_goes_through_its_open_high_low_and_close(snapshots: tuple[ChainSnapshot, ...]) -> None:
    """20.94 at the open, 18.80 at the index's high, 31.71 at its low, 26.75 at the close, never beyond."""
    spot = np.array([snapshot.underlying_ltp for snapshot in snapshots])
    vix = np.array([snapshot.vix for snapshot in snapshots])
    assert (vix[0], vix[-1]) == pytest.approx((0.209375, 0.267475), abs=1e-6)
    assert (vix.min(), vix.max()) == pytest.approx((0.188025, 0.3171), abs=1e-6)
    assert vix[spot.argmax()] == vix.min()
    assert vix[spot.argmin()] == vix.max()


@pytest.mark.parametrize(("rise_share", "spikes"), [(0.08, 0), (0.07, 1)])
def test_the_path_rises_by_seven_percent_in_three_minutes_once(
    snapshots: tuple[ChainSnapshot, ...], rise_share: float, spikes: int
) -> None:
    """Interpolated, VIX never confirms the shipped 8 % in 180 s, and 7 % once: so the story asks for 7 %."""
    settings = replace(shipped().vix_spike, rise_share=rise_share)
    state, seen = VixSpikeState(), [False]
    for snapshot in snapshots:
        state = note_vix(state, snapshot.vix, snapshot.ts, settings)
        seen.append(state.is_spiking)
    assert shipped().vix_spike.rise_share == 0.08
    assert sum(after and not before for before, after in pairwise(seen)) == spikes


def test_one_book_of_six_percent_is_opened_early(story: Story) -> None:
    """One condor that may lose about 6 % of the account is complete within minutes of the first entry."""
    ((_, entered),) = story.decisions("ENTER")
    assert (entered["reason"], entered["structure"]) == ("approved", "IRON_CONDOR")
    assert story.end.desk is not None
    (trade,) = story.end.desk.book.trades
    assert Decimal("0.055") < trade.max_loss_inr / ACCOUNT_INR <= Decimal("0.063")
    filled = next(body for _, body in story.of("TradeChanged") if body["state"] == "OPEN")
    assert ts_of(filled) < datetime.fromisoformat("2024-06-04T09:45:00+05:30")


@pytest.mark.parametrize("code", ["vix_spike", "soft_stop", "hard_stop"])
def test_each_alarm_is_raised_once_with_its_change_of_state(story: Story, code: str) -> None:
    """Spike filter, soft stop and hard stop each raise one alert, with one change of the trading state."""
    alerts = [body for _, body in story.of("Alert") if body["code"] == code]
    assert len(alerts) == 1
    changes = [body for _, body in story.of("StateChanged") if body["reason"] == code]
    assert [body["ts"] for body in changes] == [alerts[0]["ts"]]
    wanted = "HALTED" if code == "hard_stop" else "REDUCING"
    assert changes[0]["trading_state"] == wanted


def test_spike_then_soft_then_hard_then_flatten(story: Story) -> None:
    """They stand in the journal in that order, and closing orders leave only after the flatten."""
    soft, hard, flatten = story.changed("soft_stop"), story.changed("hard_stop"), story.flatten()
    closing = [seq for seq, body in story.of("Place") if body["approved"]["request"]["purpose"] != "OPEN"]
    assert story.changed("vix_spike") < soft < hard < flatten < min(closing)
    ((_, flattened),) = story.decisions("FLATTEN")
    assert flattened["reason"] == "hard_stop"


def test_the_spike_heals_after_its_dwell_and_the_soft_stop_does_not(story: Story) -> None:
    """Trading is ACTIVE again once VIX was calm for 900 s and the session clean; after the stops never."""
    states = [(seq, body["trading_state"]) for seq, body in story.of("StateChanged")]
    spike, soft = story.changed("vix_spike"), story.changed("soft_stop")
    assert [state for seq, state in states if seq > spike] == ["ACTIVE", "REDUCING", "HALTED"]
    healed = next(body for seq, body in story.of("StateChanged") if seq > spike)
    began = next(body for seq, body in story.of("StateChanged") if seq == spike)
    assert (ts_of(healed) - ts_of(began)).total_seconds() >= 900.0
    assert story.end.desk is not None
    assert story.end.desk.trading_state is TradingState.HALTED
    assert "soft_stop" in story.end.desk.degraded_by
    assert soft > spike


@pytest.mark.parametrize(("reason", "share"), [("soft_stop", "0.02"), ("hard_stop", "0.03")])
def test_a_stop_acts_on_the_second_look_beyond_its_limit(story: Story, reason: str, share: str) -> None:
    """Two looks in a row lost more than the limit, the look of the stop being the second of them."""
    limit = -ACCOUNT_INR * Decimal(share)
    marks = pnl_before(story, story.changed(reason))
    assert max(marks[-2:]) <= limit < marks[-3]


def test_nothing_adds_risk_after_the_soft_stop(story: Story) -> None:
    """From the soft stop on every order closes, and no position grows in any contract."""
    soft = story.changed("soft_stop")
    orders = [body["approved"]["request"] for seq, body in story.of("Place") if seq > soft]
    assert len(orders) >= 4
    assert all(order["purpose"] == "CLOSE" for order in orders)
    held: dict[Any, int] = defaultdict(int)
    for seq, body in story.of("FillBooked"):
        fill = body["fill"]
        key = tuple(sorted(fill["contract"].items()))
        before = held[key]
        held[key] += fill["quantity"] if fill["side"] == "BUY" else -fill["quantity"]
        assert seq < soft or abs(held[key]) < abs(before)


def test_every_look_says_why_nothing_is_sold(story: Story) -> None:
    """While the filter or a stop is in force each look decides WAIT, and names the state and its cause."""
    soft, hard = story.changed("soft_stop"), story.changed("hard_stop")
    spike = story.changed("vix_spike")
    healed = next(seq for seq, body in story.of("StateChanged") if seq > spike)
    stretches = (
        (spike, healed, "trading_reducing", {"REDUCING (vix_spike)", "REDUCING (healing)"}),
        (soft, hard, "trading_reducing", {"REDUCING (soft_stop)"}),
        (hard, story.rows[-1][0], "trading_halted", {"HALTED"}),
    )
    for start, stop, reason, causes in stretches:
        inside = [held for seq, held in story.decisions() if start < seq < stop]
        waits = [held for held in inside if held["action"] == "WAIT"]
        assert len(waits) > 30
        assert {held["reason"] for held in waits} == {reason}
        assert all(any(cause in held["text"] for cause in causes) for held in waits)
        assert any("vix_spike" in held["text"] for held in waits) is (start == spike)
        assert {held["action"] for held in inside} - {"WAIT"} <= {"FLATTEN"}


def test_the_book_ends_flat_and_no_short_was_ever_uncovered(story: Story) -> None:
    """Fills cancel out, the trade is closed, no order is left; shorts were bought back before longs went."""
    assert story.end.desk is not None
    book = story.end.desk.book
    assert (book.positions, book.live_trades, tuple(book.live_orders)) == ((), (), ())
    (closed,) = (body for _, body in story.of("TradeChanged") if body["state"] == "CLOSED")
    assert closed["reason"] == "hard_stop"
    held: dict[Any, int] = defaultdict(int)
    for seq, body in story.of("FillBooked"):
        fill, contract = body["fill"], body["fill"]["contract"]
        held[contract["option_type"]] += fill["quantity"] if fill["side"] == "BUY" else -fill["quantity"]
        assert held[contract["option_type"]] >= 0, f"row {seq}"
    assert set(held.values()) == {0}


def test_the_day_is_in_the_journal_whole(story: Story) -> None:
    """The journal verifies, and the engine run again over its events ends in the very same state."""
    proof = verify(story.path)
    assert (proof.ok, proof.reason) == (True, "")
    with JournalReader.open(story.path) as reader:
        again = recover_state(reader, story.engine)
        events = [event for _, event in reader.events()]
    assert again.desk == story.end.desk
    state, noted = State(), 0
    for event in events:
        step = story.engine.step(state, event)
        state, noted = step.state, noted + sum(isinstance(r, DecisionMade) for r in step.records)
    assert state.desk == story.end.desk
    assert noted == len(story.decisions())


def test_without_the_stops_the_same_book_is_held_and_loses_more() -> None:
    """The fall alone sells nothing: with both stops out of reach the loss goes on and no one flattens."""
    journal = MemoryJournal()
    end = election_day.run_into(journal, election_day.engine(*STOPS_AWAY), cadence_s=60.0)
    assert end.desk is not None
    assert len(end.desk.book.live_trades) == 1
    assert end.desk.flatten_reason == ""
    worst = min(float(str(r.figures["pnl_net_inr"])) for r in journal.records if isinstance(r, MarketSeen))
    assert worst < -0.035 * float(ACCOUNT_INR)
    assert not [e for e in journal.effects if isinstance(e, Alert) and e.code.endswith("_stop")]
