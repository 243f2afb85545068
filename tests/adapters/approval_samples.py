"""A proposal and a status that shows it, for the tests of what the operator sees and answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from volguard.model.book import Bucket, Leg, StructureKind
from volguard.model.decision import Phase, SafetyLevel, TradingState
from volguard.model.instrument import OptionContract, OptionType, Side, Underlying
from volguard.model.proposal import CardLeg, ProposalCard
from volguard.model.status import LimitBar, StatusView
from volguard.model.units import IST

TEN = datetime(2025, 8, 29, 10, 0, 0, tzinfo=IST)
EXPIRY = date(2025, 9, 2)
LOTS, LOT_SIZE = 3, 75
FIGURES = {
    "worst_cell": "spot -20 %, volatility +10 points: -30,450",
    "stressed_loss_inr": 30450.0,
    "near_loss_inr": 12100.0,
    "margin_after_inr": 190400.5,
    "flat_now": "512.25 rupees, 4 orders, 61.0 s",
    "ev_p_per_unit": 1.5,
    "ev_p_at_forecast_plus_1pt": -0.4,
    "probability_of_profit": 0.712,
    "regime": "NEUTRAL",
    "signal": "SELL_FULL",
    "delta_pnl_1pct_inr_portfolio_before": 120.0,
    "delta_pnl_1pct_inr_portfolio_after": -310.4,
    "gamma_pnl_1pct_inr_portfolio_before": 0.0,
    "gamma_pnl_1pct_inr_portfolio_after": -1210.0,
    "vega_per_pt_portfolio_before": 0.0,
    "vega_per_pt_portfolio_after": -845.0,
    "theta_per_day_portfolio_before": 0.0,
    "theta_per_day_portfolio_after": 910.0,
    "iv_percentile": 68.25,
}


def empty_status() -> StatusView:
    """A session before its first snapshot: nothing is known yet."""
    return StatusView(
        ts=TEN,
        session_id="replay-2025-08-29-1",
        phase=Phase.SHADOW,
        effective_phase=Phase.SHADOW,
        trading_state=TradingState.BOOTING,
        safety_level=SafetyLevel.NORMAL,
        source="replay nifty_chain_2025-08-29.parquet",
        underlying="NIFTY",
        reference_level=None,
        reference_origin="not available",
        vix=None,
        vix_origin="not given by the source",
        data_quality=None,
        quote_flags={},
        snapshots=0,
        decisions=0,
        regime="NEUTRAL",
        pnl_net_inr=None,
        charges_inr="0.00",
        positions=(),
        greeks={"delta": None, "gamma": None, "vega_per_pt": None, "theta_per_day": None},
        limits=(LimitBar(name="open risk", value=None, limit=100000.0, unit="INR"),),
        guards=("flat now: 512.25 rupees, 4 orders, 61.0 s", "VIX calm, rise +0.1%"),
        buckets=(),
        open_orders=(),
        proposals=(),
        last_decisions=(),
        new_decisions=(),
        alerts=(),
        progress=None,
    )


def leg(strike: int, right: OptionType, side: Side, bid: float | None, ask: float | None) -> CardLeg:
    """One leg; without a bid nothing else of it is known either."""
    contract = OptionContract(underlying=Underlying("NIFTY"), expiry=EXPIRY, strike=strike, option_type=right)
    known = bid is not None
    return CardLeg(
        leg=Leg(contract=contract, side=side),
        bid=bid,
        ask=ask,
        sigma=0.1234 if known else None,
        delta=0.187 if known else None,
    )


CONDOR = (
    leg(24000, OptionType.PUT, Side.BUY, 6.10, 6.30),
    leg(24200, OptionType.PUT, Side.SELL, 18.20, 18.40),
    leg(24700, OptionType.CALL, Side.SELL, 21.05, 21.30),
    leg(24900, OptionType.CALL, Side.BUY, 7.00, 7.25),
)


def card(
    proposal_id: str = "P001", digest: str = "d1", *, lots: int = LOTS, made_at: datetime = TEN
) -> ProposalCard:
    """An iron condor for 25.70 points of credit."""
    credit, units = 25.7, lots * LOT_SIZE
    levels = [23800.0 + 25.0 * step for step in range(53)]
    pays = [
        credit - min(max(24200.0 - level, 0.0), 200.0) - min(max(level - 24700.0, 0.0), 200.0)
        for level in levels
    ]
    return ProposalCard(
        proposal_id=proposal_id,
        digest=digest,
        made_at=made_at,
        expires_at=made_at + timedelta(seconds=60),
        bucket=Bucket.WEEKLY,
        structure=StructureKind.IRON_CONDOR,
        expiry=EXPIRY,
        legs=CONDOR,
        lots=lots,
        lot_size=LOT_SIZE,
        level=24431.2,
        quality=0.97,
        credit_per_unit=credit,
        credit_inr=Decimal("25.7") * units,
        max_loss_inr=Decimal("174.3") * units,
        costs_inr=Decimal("402.11"),
        margin_inr=Decimal("187250.40"),
        figures=FIGURES,
        reasons=(
            "regime NEUTRAL",
            "signal SELL_FULL",
            "implied 12.3 %, forecast 10.1 %",
            "[b]rich[/b]",
        ),
        payoff=tuple((level, pay * units) for level, pay in zip(levels, pays, strict=True)),
    )


def unknown_card() -> ProposalCard:
    """The same, where nothing could be measured."""
    legs = (leg(24000, OptionType.PUT, Side.BUY, None, None), *CONDOR[1:])
    return replace(
        card(),
        legs=legs,
        level=float("nan"),
        quality=None,
        margin_inr=None,
        figures={name: None for name in FIGURES},
        reasons=(),
        payoff=(),
    )


def asking(*cards: ProposalCard, after_s: float = 0.0, alerts: tuple[str, ...] = ()) -> StatusView:
    """A session with these proposals waiting, so many seconds after ten o'clock."""
    return replace(empty_status(), ts=TEN + timedelta(seconds=after_s), proposals=cards, alerts=alerts)
