"""The recorded day again, one limit tightened at a time: each becomes the only reason to refuse the week.

The weekly condor of 09:30:45 passes the shipped limits: 24150/24250/24850/24950 of 2 September, 3 lots, risk
18,834.63 rupees of an account of two million. Each row states a value of one limit that refuses it, and the
value that it just keeps. What the strategy sizes by (trade risk, open risk, open trades, a bucket's
share of the capital) never reaches the review: the trade is made smaller, or waits. A book that sells premium
earns by time, so the limit of theta is not met either.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from functools import cache
from itertools import takewhile

import pytest

from tests.cli.command import CHAIN, DATA, needs_real_day
from tests.fakes import NIFTY, ROOT, TRADING, make_engine, session_started, shipped, shipped_rules
from volguard.config import Root
from volguard.engine.state import State, Step
from volguard.model.book import Bucket
from volguard.model.decision import Action, Decision
from volguard.model.event import DecisionMade, Event, HistoryLoaded, MarketSnapshot, Place
from volguard.model.units import IST
from volguard.volatility.forecast import ForecastReach, make_forecasts
from volguard.wiring import HISTORY_SESSIONS_MAX, VIX_NAME, SourceRequest, open_source

pytestmark = needs_real_day

DECIDED_AT = "09:30:45"
STRIKES = "24150/24250/24850/24950"
# Limit, rule, a value that refuses, a value that is just kept, the figure that is judged.
NAMED = (
    ("limits.delta_1pct_share_max", "portfolio_delta", "0.0000526", "0.0000526097695", 105.219539),
    ("limits.gamma_1pct_share_max", "portfolio_gamma", "0.0018088", "0.001808848995", 3617.69799),
    ("limits.vega_per_pt_share_max", "portfolio_vega", "0.0004038", "0.000403841651", 807.683302),
    ("limits.stress_loss_share_max", "stress", "0.009267", "0.0092671875", 18534.375),
    ("limits.near_stress_share_max", "near_stress", "0.009260", "0.0092603294", 18520.6588),
    ("limits.margin_used_share_max", "margin", "0.1217", "0.1217119645", 243423.929),
    ("limits.stressed_margin_share_max", "stressed_margin", "0.1250", "0.1250261625", 250052.325),
    ("limits.concentration_share_max", "concentration", "0.009417", "0.009417315", 18834.63),
    ("limits.free_capital_share_min", "free_capital", "0.8783", "0.878288035", 1_756_576.07),
    ("limits.confidence_min", "confidence", "0.9694", "0.969352022", 0.969352022),
    ("limits.orders_per_day_max", "orders_per_day", "3", "4", 4.0),
    ("limits.orders_per_second_max", "orders_per_second", "1", "2", 2.0),
    # Limit prices are on the tick, and so is what the exchange's band leaves of them.
    ("limits.entry_price_band_share", "entry_price", "0.0188", "0.0190", 0.257813532),
    ("execution.band_inr", "price_band", "0.20", "0.25", 13.90),
)
# Before any order is planned the whole structure is judged; these are known of its orders alone.
OF_ORDERS = {"confidence", "entry_price", "price_band"}


@cache
def morning() -> tuple[Event, ...]:
    """Start, history and the looks up to the first decision, as a run is told them."""
    root = Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config")
    settings = shipped(*TRADING)
    source = open_source(SourceRequest(replay=CHAIN, history=DATA), settings, root, shipped_rules())
    assert source.history is not None
    info = source.market.info
    opened = datetime.combine(info.trading_date, time(9, 15), tzinfo=IST)
    started = replace(session_started(info), ts=opened)
    index = source.history.daily(NIFTY, info.trading_date)
    reach = ForecastReach(sessions_max=45, past_sessions=settings.iv_rv.history_sessions)
    told = HistoryLoaded(
        ts=opened,
        underlying=NIFTY,
        origin=source.history.origin,
        index=index[-HISTORY_SESSIONS_MAX:],
        vix=source.history.daily(VIX_NAME, info.trading_date)[-HISTORY_SESSIONS_MAX:],
        forecasts=make_forecasts(index, settings.models, reach),
    )
    until = takewhile(lambda shot: f"{shot.ts:%H:%M:%S}" <= DECIDED_AT, source.market.snapshots())
    return started, told, *(MarketSnapshot(ts=shot.ts, snapshot=shot) for shot in until)


def decided(*overrides: str) -> tuple[list[Decision], list[str]]:
    """Weekly decisions of 09:30:45 under the shipped limits but for these, and its orders that left."""
    engine, state = make_engine(*TRADING, *overrides), State()
    step: Step | None = None
    for event in morning():
        step = engine.step(state, event)
        state = step.state
    assert step is not None
    made = [record.decision for record in step.records if isinstance(record, DecisionMade)]
    weekly = [decision for decision in made if decision.bucket is Bucket.WEEKLY]
    trades = {decision.trade_id for decision in weekly if decision.trade_id}
    sent = [effect.approved.request for effect in step.effects if isinstance(effect, Place)]
    return weekly, [request.tag for request in sent if request.trade_id in trades]


def test_the_week_is_sold_under_the_shipped_limits() -> None:
    """Without any limit tightened the condor is approved and its two hedges leave."""
    decisions, sent = decided()
    assert [decision.action for decision in decisions] == [Action.ENTER]
    assert f"{STRIKES}, 3 lots of 75" in decisions[0].text
    assert len(sent) == 2


@pytest.mark.parametrize(("limit", "rule", "refusing", "keeping", "judged"), NAMED)
def test_a_tightened_limit_is_the_only_reason(
    limit: str, rule: str, refusing: str, keeping: str, judged: float
) -> None:
    """Beyond its value the rule alone refuses and nothing leaves; at the value the trade goes as before."""
    decisions, sent = decided(f"{limit}={refusing}")
    refused = [decision for decision in decisions if decision.action is Action.REFUSED]
    assert len(refused) == 1
    assert {breach.rule for breach in refused[0].breaches} == {rule}
    assert refused[0].reason == rule
    assert refused[0].breaches[0].value == pytest.approx(judged, rel=1e-9)
    assert sent == []
    assert (Action.ENTER in {decision.action for decision in decisions}) is (rule in OF_ORDERS)

    decisions, sent = decided(f"{limit}={keeping}")
    assert [decision.action for decision in decisions] == [Action.ENTER]
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("override", "outcome"),
    [
        ("limits.quality_new_trades_min=0.99", "trading_reducing"),
        ("bucket_limits.weekly.open_trades_max=0", "bucket_full"),
        ("bucket_limits.weekly.trade_risk_share_max=0.005", "cost_test"),
        ("bucket_limits.weekly.capital_share=0.1", "cost_test"),
    ],
)
def test_what_the_trade_is_sized_by_makes_it_wait(override: str, outcome: str) -> None:
    """These limits are met before the review is asked: the week waits, and says why."""
    decisions, sent = decided(override)
    assert [(decision.action, decision.reason) for decision in decisions] == [(Action.WAIT, outcome)]
    assert sent == []


def test_open_risk_makes_the_trade_smaller() -> None:
    """The account's open risk caps the lots: at 0.9 % of two million two lots fit, and they pass."""
    decisions, sent = decided("limits.open_risk_share_max=0.009")
    assert [decision.action for decision in decisions] == [Action.ENTER]
    assert f"{STRIKES}, 2 lots of 75" in decisions[0].text
    assert len(sent) == 2
