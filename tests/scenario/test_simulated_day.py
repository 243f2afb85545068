"""The simulator's day: the same seed is the same day, and it finds something to sell."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import SIMULATED_DAY, Day, make_root, run_day

# Open risk far above 6 % of the account, Greek limits and exit rules out of the way: what must stop the
# day's loss then are the two daily stops alone.
HEAVY = """
[preset.heavy]
"strategy.exit_short_delta" = 0.95
"strategy.loss_credits_max" = 50.0
"strategy.loss_share_of_max_loss" = 1.0
"strategy.exit_greek_loss_credits" = 50.0
"strategy.exit_stress_dwell_s" = 86400.0
"limits.open_risk_share_max" = 0.30
"limits.concentration_share_max" = 0.30
"limits.stress_loss_share_max" = 0.30
"limits.near_stress_share_max" = 0.30
"limits.margin_used_share_max" = 1.0
"limits.stressed_margin_share_max" = 1.0
"limits.delta_1pct_share_max" = 0.5
"limits.gamma_1pct_share_max" = 0.5
"limits.vega_per_pt_share_max" = 0.5
"limits.theta_per_day_share_max" = 0.5
"limits.free_capital_share_min" = 0.0
"bucket_limits.intraday.capital_share" = 0.0
"bucket_limits.weekly.capital_share" = 0.50
"bucket_limits.weekly.trade_risk_share_max" = 0.07
"bucket_limits.weekly.open_risk_share_max" = 0.2
"bucket_limits.monthly.trade_risk_share_max" = 0.10
"bucket_limits.monthly.open_risk_share_max" = 0.2
"""
ACCOUNT_INR = Decimal(2_000_000)


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """A crash met with a book that is far too large."""
    root = make_root(tmp_path_factory.mktemp("crash"))
    with (root / "config" / "volguard.toml").open("a") as file:
        file.write(HEAVY)
    words = ("--scenario", "crash", "--seed", "7", "--cadence", "60", "--preset", "heavy", "--no-report")
    return run_day(root, *SIMULATED_DAY, *words)


def without_run(document: dict[str, Any]) -> dict[str, Any]:
    """What must be the same in two runs: all but the machine's speed and where the journal lies."""
    kept = {key: value for key, value in document.items() if key != "step_ms"}
    journal = {key: value for key, value in document["journal"].items() if key != "path"}
    return {**kept, "journal": journal}


def test_the_same_seed_is_the_same_day(twins: tuple[Day, Day]) -> None:
    """Two runs with seed 7 tell the same day, down to the hash of the journal's last row."""
    first, second = twins
    assert first.document["decisions_hash"] == second.document["decisions_hash"]
    assert without_run(first.document) == without_run(second.document)


def test_the_simulated_day_needs_no_file_and_trades(twins: tuple[Day, Day]) -> None:
    """Without a file the default strategy finds something to sell, on the fixed date, in its lots."""
    day = twins[0]
    assert day.document["trading_date"] == "2026-09-16"
    assert day.document["source"]["kind"] == "simulator"
    assert day.document["fills"]
    assert all(fill["quantity"] % 65 == 0 for fill in day.document["fills"])
    assert day.journal.name == "simulator-2026-09-16-1.db"


def test_another_seed_is_another_day(fresh_root: Path, twins: tuple[Day, Day]) -> None:
    """The seed decides the day."""
    words = ("--seed", "8", "--cadence", "600", "--no-report")
    other = run_day(fresh_root, *SIMULATED_DAY, *words)
    assert other.document["decisions_hash"] != twins[0].document["decisions_hash"]
    assert other.document["source"]["label"] == "calm seed 8"


def first_row(day: Day, kind: str, **wanted: str) -> int:
    def matches(body: Any) -> bool:
        held = body.get("decision", body)
        return all(held[key] == value for key, value in wanted.items())

    return next(seq for seq, _, body in day.rows(kind) if matches(body))


def test_the_crash_meets_an_open_risk_above_six_percent(crash: Day) -> None:
    """Before the crash the book risks 6 % of the account or more."""
    stopped = first_row(crash, "StateChanged", reason="soft_stop")
    entered = {
        body["decision"]["trade_id"]
        for seq, _, body in crash.rows("DecisionMade")
        if body["decision"]["action"] == "ENTER" and seq < stopped
    }
    risk = sum(Decimal(t["max_loss_inr"]) for t in crash.document["trades"] if t["trade_id"] in entered)
    assert risk >= ACCOUNT_INR * Decimal("0.06")


def test_the_crash_is_stopped_in_order(crash: Day) -> None:
    """Soft stop, hard stop and flatten stand in the journal in that order; only then closing orders leave."""
    soft = first_row(crash, "StateChanged", reason="soft_stop", trading_state="REDUCING")
    hard = first_row(crash, "StateChanged", reason="hard_stop", trading_state="HALTED")
    flatten = first_row(crash, "DecisionMade", action="FLATTEN")
    closing = next(
        seq for seq, _, body in crash.rows("Place") if body["approved"]["request"]["purpose"] != "OPEN"
    )
    assert soft < hard < flatten < closing


def test_losses_at_the_stops_are_beyond_their_limits(crash: Day) -> None:
    """The soft stop acts at 2 % of the account, the hard one at 3 %, both on a confirmed executable mark."""
    marks = {seq: Decimal(str(b["figures"]["pnl_net_inr"])) for seq, _, b in crash.rows("MarketSeen")}
    for reason, share in (("soft_stop", "0.02"), ("hard_stop", "0.03")):
        seq = first_row(crash, "StateChanged", reason=reason)
        near = [pnl for at, pnl in marks.items() if abs(at - seq) <= 30]
        assert min(near) <= -ACCOUNT_INR * Decimal(share)


def test_nothing_is_opened_after_the_soft_stop(crash: Day) -> None:
    """From the soft stop on no order that adds risk leaves."""
    soft = first_row(crash, "StateChanged", reason="soft_stop")
    after = [body["approved"]["request"] for seq, _, body in crash.rows("Place") if seq > soft]
    assert after
    assert all(request["purpose"] != "OPEN" for request in after)


def test_the_crash_ends_flat(crash: Day) -> None:
    """After the flatten nothing is open: exit 0, positions empty, fills cancel out, the reason is told."""
    document = crash.document
    assert document["halted_reason"] == "hard_stop"
    assert document["open_positions"] == []
    left: dict[Any, int] = defaultdict(int)
    for fill in document["fills"]:
        sign = 1 if fill["side"] == "BUY" else -1
        left[fill["expiry"], fill["strike"], fill["option_type"]] += sign * fill["quantity"]
    assert set(left.values()) == {0}
    assert all(trade["exit"] is not None for trade in document["trades"])
    assert document["unrealised_pnl_inr"] == "0.00"


def test_no_short_is_uncovered_while_flattening(crash: Day) -> None:
    """Also in a crash, shorts are bought back before their longs are sold."""
    held: dict[Any, int] = defaultdict(int)
    for seq, _, body in crash.rows("FillBooked"):
        fill, contract = body["fill"], body["fill"]["contract"]
        key = (body["trade_id"], contract["expiry"], contract["option_type"])
        held[key] += fill["quantity"] if fill["side"] == "BUY" else -fill["quantity"]
        assert held[key] >= 0, f"row {seq}: {key}"
