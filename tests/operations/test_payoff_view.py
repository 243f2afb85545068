"""A structure valued on a chain with known answers, against arithmetic and integration done here by hand."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.chains import (
    FORWARD,
    LOT,
    MONTHLY,
    NOW,
    SIGMA,
    WEEKLY,
    at,
    call,
    flat_vol_snapshot,
    make_listing,
    put,
    view_of,
    with_cells,
    with_column,
)
from tests.fakes import shipped, shipped_rules
from tests.pricing.real_chain import REAL
from volguard.measure.market_view import MarketView
from volguard.model.errors import DataError, UsageError
from volguard.model.market import ChainSnapshot, DailyBar
from volguard.nse.charges import Charges
from volguard.operations.chain_view import from_file
from volguard.operations.margin_view import margin_figures
from volguard.operations.payoff_measures import bars_before
from volguard.operations.payoff_view import payoff_document
from volguard.operations.portfolio import portfolio_of_legs
from volguard.operations.smile_view import surface_of
from volguard.operations.surface_session import surface_along
from volguard.pricing.black76 import price
from volguard.strategy.legs_text import legs_of

CONDOR = "+24300PE -24500PE -25100CE +25300CE"
LOTS = 30  # 2250 units: two orders a leg, as the freeze quantity is 1800
UNITS = LOTS * LOT
NO_BARS: tuple[DailyBar, ...] = ()


@pytest.fixture(scope="module")
def bars() -> tuple[DailyBar, ...]:
    """Two years of made-up sessions up to the day before."""
    days = shipped_rules().calendar.trading_days(date(2023, 6, 1), date(2025, 9, 2))
    moves = np.random.default_rng(7).standard_t(6.0, size=len(days)) * 0.006
    levels = 24_800.0 * np.exp(np.cumsum(moves) - moves.sum())
    return tuple(
        DailyBar(day=day, open=level, high=level * 1.004, low=level * 0.996, close=level)
        for day, level in zip(days, levels.tolist(), strict=True)
    )


@pytest.fixture(scope="module")
def view() -> MarketView:
    return view_of(flat_vol_snapshot())


@pytest.fixture(scope="module")
def valued(view: MarketView, bars: tuple[DailyBar, ...]) -> Any:
    return document(view, CONDOR, lots=LOTS, bars=bars)


def document(
    view: MarketView, legs: str, *, lots: int = 1, bars: tuple[DailyBar, ...] = NO_BARS
) -> dict[str, Any]:
    found = payoff_document(view, legs_of(legs, view.listing, None), lots=lots, bars=bars, settings=shipped())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def touch_of(snapshot: ChainSnapshot, contract: Any) -> tuple[Decimal, Decimal]:
    row = snapshot.listing.row(contract)
    return tuple(round(Decimal(float(side[row])), 2) for side in (snapshot.bid, snapshot.ask))  # type: ignore[return-value]


def condor_touch(view: MarketView) -> list[tuple[int, Decimal, Decimal]]:
    """(sign, bid, ask) of the four legs."""
    legs = ((1, put(24_300)), (-1, put(24_500)), (-1, call(25_100)), (1, call(25_300)))
    return [(sign, *touch_of(view.snapshot, contract)) for sign, contract in legs]


def condor_pnl(level: Any, credit: float) -> Any:
    def wing(distance: Any) -> Any:
        return np.clip(distance, 0.0, 200.0)

    return credit - wing(24_500.0 - level) - wing(level - 25_100.0)


# --- a condor by hand --------------------------------------------------------------------------------


def test_credit_profit_loss_and_breakevens_of_a_condor(view: MarketView, valued: Any) -> None:
    touch = sum((bid if sign < 0 else -ask) for sign, bid, ask in condor_touch(view))
    middle = -sum(sign * (bid + ask) / 2 for sign, bid, ask in condor_touch(view))
    assert valued["structure"] == "IRON_CONDOR"
    assert (valued["lots"], valued["lot_size"], valued["units"]) == (LOTS, LOT, UNITS)
    for basis, credit in (("touch", touch), ("mid", middle)):
        found = valued[basis]
        assert found["credit_points"] == pytest.approx(float(credit), abs=1e-9)
        assert Decimal(found["credit_inr"]) == credit * UNITS
        assert Decimal(found["max_profit_inr"]) == credit * UNITS
        assert Decimal(found["max_loss_inr"]) == (200 - credit) * UNITS
        assert found["breakevens"] == pytest.approx([24_500 - float(credit), 25_100 + float(credit)])
    assert valued["missing"] == {}


def test_charges_of_entry_and_exit_are_the_schedule_of_the_day(view: MarketView, valued: Any) -> None:
    legs = condor_touch(view)
    for name, is_entry in (("entry", True), ("exit", False)):
        bought = sum(ask for sign, _, ask in legs if (sign > 0) is is_entry) * UNITS
        sold = sum(bid for sign, bid, _ in legs if (sign < 0) is is_entry) * UNITS
        turnover = bought + sold
        brokerage = Decimal(20 * 2 * 4)
        exchange, sebi = turnover * Decimal("0.0003503"), turnover * Decimal("0.000001")
        total = (
            brokerage
            + sold * Decimal("0.001")
            + exchange
            + sebi
            + turnover * Decimal("0.000005")
            + bought * Decimal("0.00003")
            + Decimal("0.18") * (brokerage + exchange + sebi)
        )
        assert Decimal(valued["costs"][f"{name}_inr"]) == round(total, 2)
        assert Decimal(valued["costs"][f"{name}_lines"]["brokerage"]) == brokerage
    spread = sum((ask - bid) / 2 for _, bid, ask in legs) * UNITS
    assert Decimal(valued["costs"]["half_spread_inr"]) == round(spread, 2)


def test_worth_under_q_is_the_integral_over_the_lognormal(valued: Any) -> None:
    measure = valued["measures"][0]
    assert measure["name"] == "Q"
    years, discount = valued["days"] / 365.0, valued["discount"]
    spread = SIGMA * math.sqrt(years)
    z = np.linspace(-9.0, 9.0, 200_001)
    weight = np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum()
    level = FORWARD * np.exp(spread * z - 0.5 * spread**2)
    compare(valued, measure, level, weight, discount, points=0.02, chance=0.0005)


def test_worth_under_p_is_the_integral_over_the_forecasts_student_t(valued: Any) -> None:
    for name, measure in zip(("P", "P+1pt"), valued["measures"][1:], strict=True):
        origin = measure["origin"]
        assert (measure["name"], origin["history_until"]) == (name, "2025-09-02")
        spread, dof = origin["volatility"] * math.sqrt(origin["sessions"] / 252.0), origin["student_t_dof"]
        z = np.linspace(-14.0, 14.0, 400_001)
        weight = (1.0 + z**2 / (dof - 2.0)) ** (-(dof + 1.0) / 2.0)
        weight /= weight.sum()
        z = z / math.sqrt(float(weight @ z**2))
        growth = np.exp(spread * z)
        level = valued["forward"] * growth / float(growth @ weight)
        compare(valued, measure, level, weight, valued["discount"], points=0.05, chance=0.001)
    p, dearer = valued["measures"][1:]
    assert dearer["origin"]["volatility"] == pytest.approx(p["origin"]["volatility"] + 0.01, abs=1e-8)
    assert p["origin"]["sessions"] == pytest.approx(4.6, abs=0.2)  # the rest of today, then four more
    assert Decimal(dearer["touch"]["ev_inr"]) < Decimal(p["touch"]["ev_inr"])


def compare(
    valued: Any, measure: Any, level: Any, weight: Any, discount: float, *, points: float, chance: float
) -> None:
    for basis in ("touch", "mid"):
        credit = valued[basis]["credit_points"]
        pnl = condor_pnl(level, credit)
        value = credit + discount * float(weight @ (pnl - credit))
        assert float(measure[basis]["ev_inr"]) / UNITS == pytest.approx(value, abs=points)
        assert measure[basis]["probability_of_profit"] == pytest.approx(
            float(weight[pnl > 0.0].sum()), abs=chance
        )
    below, above = (leg["probability"] for leg in measure["short_itm"])
    assert below == pytest.approx(float(weight[level < 24_500.0].sum()), abs=chance)
    assert above == pytest.approx(float(weight[level > 25_100.0].sum()), abs=chance)
    deviation = math.sqrt(float(weight @ (level - float(weight @ level)) ** 2))
    assert measure["deviation_points"] == pytest.approx(deviation, rel=0.01)
    wings = np.maximum(24_300.0 - level, 0.0) + np.maximum(level - 25_300.0, 0.0)
    tax = 0.00125 * float(weight @ wings) * UNITS
    assert float(measure["exercise_stt_inr"]) == pytest.approx(tax, rel=0.05)
    net = Decimal(measure["touch"]["ev_inr"]) - Decimal(valued["costs"]["entry_inr"])
    assert Decimal(measure["ev_net_inr"]) == net - Decimal(measure["exercise_stt_inr"])


def test_greeks_are_the_legs_by_sign_and_in_rupees_times_the_units(view: MarketView, valued: Any) -> None:
    unit, position = valued["greeks"]["unit"], valued["greeks"]["position"]
    rows = [view.row(c) for c in (put(24_300), put(24_500), call(25_100), call(25_300))]
    for name in ("delta", "gamma", "vega_per_pt", "theta_per_day"):
        own = np.array([1, -1, -1, 1]) @ getattr(view.greeks, name)[rows]
        assert unit[name] == pytest.approx(own, rel=1e-6)
        assert position[name] == pytest.approx(own * UNITS, rel=1e-6)
    assert unit["vega_per_pt"] < 0.0 < unit["theta_per_day"]


def test_the_curve_holds_the_pnl_and_densities_of_the_chart(valued: Any) -> None:
    curve = valued["curve"]
    level = np.array(curve["levels"])
    assert set(valued["touch"]["breakevens"]) < set(curve["levels"])
    expected = condor_pnl(level, valued["touch"]["credit_points"]) * UNITS
    assert curve["pnl_inr"] == pytest.approx(expected.tolist(), abs=0.5)  # nine digits of a level
    assert list(curve["densities"]) == ["Q", "P", "P+1pt"]
    for heights in curve["densities"].values():
        assert float(np.trapezoid(heights, level)) == pytest.approx(1.0, abs=0.02)


# --- what is not known is not made up ----------------------------------------------------------------


def test_without_history_p_says_so_and_q_stands(view: MarketView) -> None:
    found = document(view, CONDOR)
    q, p, dearer = found["measures"]
    assert q["touch"]["ev_inr"] is not None
    for measure in (p, dearer):
        assert measure["touch"] == measure["mid"] == {"ev_inr": None, "probability_of_profit": None}
        assert found["missing"][measure["name"]] == "not available: no history"
    assert list(found["curve"]["densities"]) == ["Q"]


def test_a_history_that_ends_too_early_gives_no_forecast(
    view: MarketView, bars: tuple[DailyBar, ...]
) -> None:
    found = document(view, CONDOR, bars=bars[:-1])
    assert found["missing"]["P"] == (
        "not available: the history ends on 2025-09-01, the session before was 2025-09-02"
    )
    short = document(view, CONDOR, bars=bars[-100:])
    assert short["missing"]["P"].startswith("not available: no model gave a forecast: 99 sessions")


def test_a_leg_without_a_bid_takes_away_what_needs_it_and_no_more() -> None:
    sold, bought = (
        document(view_of(with_cells(flat_vol_snapshot(), leg, bid=math.nan)), CONDOR)
        for leg in (put(24_500), put(24_300))
    )
    reason = "no bid for 24500 PE of 2025-09-09"
    for name in ("credit_inr", "max_profit_inr", "max_loss_inr", "breakevens"):
        assert sold["touch"][name] is None and sold["missing"][f"touch.{name}"] == reason
    assert sold["costs"]["entry_inr"] is None and sold["missing"]["costs.entry_inr"] == reason
    assert sold["costs"]["exit_inr"] is not None
    assert sold["curve"]["pnl_inr"] is None and sold["measures"][0]["touch"]["ev_inr"] is None
    assert sold["measures"][0]["short_itm"][0]["probability"] is not None
    # The long put is bought at its ask: only mid, the spread and the way out need its bid.
    assert bought["touch"]["max_loss_inr"] is not None and bought["costs"]["entry_inr"] is not None
    assert bought["mid"]["credit_inr"] is None and bought["costs"]["half_spread_inr"] is None
    assert bought["missing"]["costs.exit_inr"] == "no bid for 24300 PE of 2025-09-09"


@pytest.mark.parametrize("leg", [put(24_500), put(24_300)], ids=["sold", "bought"])
def test_a_crossed_quote_is_no_price_at_the_touch_or_at_mid(leg: Any) -> None:
    snapshot = flat_vol_snapshot()
    _, ask = touch_of(snapshot, leg)
    found = document(view_of(with_cells(snapshot, leg, bid=float(ask) + 5.0)), CONDOR)
    reason = f"quote of {leg.strike} PE of 2025-09-09 is crossed"
    for basis in ("touch", "mid"):
        assert set(found[basis].values()) == {None}
        for name in ("credit_inr", "max_profit_inr", "max_loss_inr", "breakevens"):
            assert found["missing"][f"{basis}.{name}"] == reason
    assert {found["costs"][f"{name}_inr"] for name in ("half_spread", "entry", "exit")} == {None}
    for name in ("half_spread", "entry", "exit"):
        assert found["missing"][f"costs.{name}_inr"] == reason
    q = found["measures"][0]
    assert q["ev_net_inr"] is None
    assert q["touch"] == q["mid"] == {"ev_inr": None, "probability_of_profit": None}
    assert found["greeks"]["unit"]["delta"] is None and found["missing"]["greeks"] == reason
    assert found["curve"]["pnl_inr"] is None and q["short_itm"][0]["probability"] is not None
    assert not any("crossed" in note for note in found["notes"])


def test_a_doubtful_quote_is_named_with_its_flags_and_still_priced(view: MarketView) -> None:
    snapshot = flat_vol_snapshot()
    bid, ask = touch_of(snapshot, put(24_500))
    dear = with_cells(snapshot, put(24_500), bid=float(bid) + 60.0, ask=float(ask) + 60.0)
    found = document(view_of(dear), CONDOR)
    flags = next(leg["flags"] for leg in found["legs"] if leg["strike"] == 24_500)
    assert "parity" in flags
    note = f"24500 PE of 2025-09-09: quote is flagged {', '.join(flags)}, its price may not be there"
    assert note in found["notes"] and found["touch"]["credit_inr"] is not None
    assert not any("flagged" in note for note in document(view, CONDOR)["notes"])


def test_a_chain_without_bids_has_no_figure_and_no_error() -> None:
    snapshot = flat_vol_snapshot()
    dead = document(view_of(with_column(snapshot, bid=np.full(len(snapshot.bid), math.nan))), CONDOR)
    assert dead["forward"] is None and dead["curve"]["densities"] == {}
    assert dead["greeks"]["unit"]["delta"] is None and "greeks" in dead["missing"]
    assert "no forward" in dead["missing"]["Q"]


def test_a_naked_call_is_unbounded_and_a_long_one_gains_without_bound(view: MarketView) -> None:
    short, long = document(view, "-25100CE"), document(view, "+25100CE")
    assert short["touch"]["max_loss_inr"] is None and long["touch"]["max_profit_inr"] is None
    assert short["missing"]["touch.max_loss_inr"] == long["missing"]["touch.max_profit_inr"] == "unbounded"
    assert short["touch"]["max_profit_inr"] == short["touch"]["credit_inr"]


def test_too_few_units_at_the_touch_are_told(view: MarketView) -> None:
    found = document(view, "-2x24500PE", lots=6)
    assert "24500 PE of 2025-09-09: 750 units at the touch, 900 needed" in found["notes"]
    assert not any("at the touch, " in note for note in document(view, "-2x24500PE", lots=5)["notes"])


# --- ratios, expiries, names, refusals ---------------------------------------------------------------


def test_a_ratio_counts_its_leg_everywhere(view: MarketView) -> None:
    one, two = document(view, "-24500PE", lots=2), document(view, "-2x24500PE")
    for name in ("credit_inr", "max_loss_inr"):
        assert two["touch"][name] == one["touch"][name]
    assert two["greeks"]["position"] == one["greeks"]["position"]
    assert two["costs"] == one["costs"]


def test_a_calendar_is_valued_at_its_first_expiry_with_the_later_leg_alive(view: MarketView) -> None:
    found = document(view, "-24800CE +24800CE@2025-09-30")
    debit = -found["touch"]["credit_points"]
    assert found["expiry"] == WEEKLY.isoformat() and found["structure"] == "CALENDAR_SPREAD"
    left = (MONTHLY - WEEKLY).days / 365.0
    # An at-the-money call of what is then left, F (2 Phi(s/2) - 1), less the debit.
    peak = FORWARD * math.erf(SIGMA * math.sqrt(left) / 2.0 / math.sqrt(2.0)) - debit
    assert float(found["touch"]["max_profit_inr"]) / LOT == pytest.approx(peak, abs=2.0)
    assert float(found["touch"]["max_loss_inr"]) / LOT == pytest.approx(debit, abs=2.0)
    low, high = found["touch"]["breakevens"]
    assert low < 24_800.0 < high
    assert any("sticky strike" in note for note in found["notes"])
    reverse = document(view, "+24800CE -24800CE@2025-09-30")
    assert any("live on" in note for note in reverse["notes"]) and reverse["structure"] is None
    assert reverse["measures"][0]["short_itm"][0]["probability"] is None


def test_a_later_leg_without_a_smile_takes_the_payoff_with_it() -> None:
    snapshot = flat_vol_snapshot()
    is_late = snapshot.listing.expiry_index == 1
    row = snapshot.listing.row(call(24_800, MONTHLY))
    keep = ~is_late
    keep[row] = True
    bid = np.where(keep, snapshot.bid, math.nan)
    found = document(view_of(with_column(snapshot, bid=bid)), "-24800CE +24800CE@2025-09-30")
    assert found["touch"]["credit_inr"] is not None
    assert found["touch"]["max_loss_inr"] is None
    assert "lives on" in found["missing"]["touch.max_loss_inr"]


@pytest.mark.parametrize(
    ("legs", "name"),
    [
        ("-25100CE +25300CE", "BEAR_CALL_SPREAD"),
        ("-24500PE +24300PE", "BULL_PUT_SPREAD"),
        ("-24500PE -25100CE", "SHORT_STRANGLE"),
        ("-24800PE -24800CE", "SHORT_STRADDLE"),
        ("+24600PE -24800PE -24800CE +25000CE", "NEUTRAL_IRON_CONDOR"),
        ("-24800PE +24800PE@2025-09-30", "CALENDAR_SPREAD"),
        ("-25000CE +25100CE@2025-09-30", "DIAGONAL_SPREAD"),
        ("+24500PE@2025-09-30 -24600PE", "DIAGONAL_SPREAD"),
        ("-24800PE +24800CE@2025-09-30", None),  # of two types
        ("+24800CE -24800CE@2025-09-30", None),  # the short lives on
        ("+24800CE +24800CE@2025-09-30", None),
        ("-24800CE -24800CE@2025-09-30", None),
        ("-24800CE +2x24800CE@2025-09-30", None),
        ("-24500PE -25100CE +25100CE@2025-09-30", None),
        ("+24500PE -24300PE", None),
        ("-2x24500PE +24300PE", None),
    ],
)
def test_known_shapes_have_their_name(view: MarketView, legs: str, name: str | None) -> None:
    assert document(view, legs)["structure"] == name


@pytest.mark.parametrize("lots", [0, 10_001])
def test_lots_that_no_order_is_for_are_refused(view: MarketView, lots: int) -> None:
    with pytest.raises(UsageError, match=f"--lots was {lots}, must be 1 to 10000"):
        document(view, CONDOR, lots=lots)


def test_many_orders_are_charged_as_one_of_them_times_their_number(
    view: MarketView, monkeypatch: pytest.MonkeyPatch
) -> None:
    charged: list[int] = []
    plain = Charges.for_fill

    def counted(self: Charges, *, quantity: int, **rest: Any) -> Any:
        charged.append(quantity)
        return plain(self, quantity=quantity, **rest)

    monkeypatch.setattr(Charges, "for_fill", counted)
    lines = document(view, "-24500PE", lots=9_999)["costs"]["entry_lines"]
    # 749,925 units: 416 orders of 1,800 and one of the 1,125 left.
    assert charged == [1_800, 1_125] * 2
    assert Decimal(lines["brokerage"]) == 20 * 417
    bid, _ = touch_of(view.snapshot, put(24_500))
    assert Decimal(lines["stt"]) == round(Decimal("0.001") * bid * 749_925, 2)
    assert document(view, "-24500PE", lots=24)["costs"]["entry_lines"]["brokerage"] == "20.00"


# --- margin --------------------------------------------------------------------------------------------


def test_the_margin_is_that_of_the_margin_command(view: MarketView, bars: tuple[DailyBar, ...]) -> None:
    """Of all lots, by the same rules and history; less for a condor than for its strangle."""
    lines = legs_of(CONDOR, view.listing, None)
    portfolio = portfolio_of_legs(view, lines, lots=2, bars=bars, settings=shipped())
    missing: dict[str, str] = {}
    own = margin_figures(portfolio, missing)["margin"]
    found = document(view, CONDOR, lots=2, bars=bars)
    assert found["margin"] == {name: own[name] for name in ("total_inr", "span_inr", "worst_scenario")}
    strangle = document(view, "-24500PE -25100CE", lots=2, bars=bars)
    assert Decimal(strangle["margin"]["total_inr"]) > Decimal(found["margin"]["total_inr"]) > 0


def test_without_history_the_margin_says_so(view: MarketView) -> None:
    found = document(view, CONDOR)
    assert found["margin"]["total_inr"] is None
    assert found["missing"]["margin.total_inr"].startswith("not available: no daily history")


@pytest.mark.skipif(not REAL.exists(), reason="the recorded day is not beside the project")
@pytest.mark.parametrize(
    ("legs", "name"),
    [
        ("-24500CE +24500CE@2025-09-09", "CALENDAR_SPREAD"),
        ("-24600CE +24700CE@2025-09-09", "DIAGONAL_SPREAD"),
        ("-24300PE -24700CE", "SHORT_STRANGLE"),
    ],
)
def test_each_named_structure_has_every_figure_on_the_real_chain_or_its_reason(legs: str, name: str) -> None:
    """Extremes, breakevens, margin, Greeks, costs, chance and expected value: none is silently left out."""
    settings = shipped()
    view = from_file(REAL, "11:15", settings)
    days = shipped_rules().calendar.trading_days(date(2023, 6, 1), view.ts.date() - timedelta(days=1))
    moves = np.random.default_rng(7).standard_t(6.0, size=len(days)) * 0.006
    levels = 24_500.0 * np.exp(np.cumsum(moves) - moves.sum())
    past = tuple(
        DailyBar(day=day, open=level, high=level * 1.004, low=level * 0.996, close=level)
        for day, level in zip(days, levels.tolist(), strict=True)
    )
    first = view.listing.expiries[0]
    lines = legs_of(legs, view.listing, first)
    found = payoff_document(view, lines, lots=1, bars=past, settings=settings)
    assert (found["structure"], found["expiry"]) == (name, first.isoformat())
    told = found["missing"]
    figures = {
        **{f"{basis}.{key}": value for basis in ("touch", "mid") for key, value in found[basis].items()},
        **{f"margin.{key}": value for key, value in found["margin"].items()},
        **{f"costs.{key}": found["costs"][key] for key in ("half_spread_inr", "entry_inr", "exit_inr")},
    }
    absent = {key for key, value in figures.items() if value is None}
    assert absent == ({"touch.max_loss_inr", "mid.max_loss_inr"} if name == "SHORT_STRANGLE" else set())
    assert all(told[key] == "unbounded" for key in absent)
    assert None not in found["greeks"]["position"].values() and found["curve"]["pnl_inr"]
    for measure in found["measures"]:
        assert measure["touch"]["ev_inr"] is not None
        assert 0.0 < measure["touch"]["probability_of_profit"] < 1.0


# --- what Q is measured on ---------------------------------------------------------------------------


def test_the_smile_is_that_of_the_snapshot_or_of_the_session_and_says_which() -> None:
    first, now = (
        view_of(flat_vol_snapshot(NOW + timedelta(minutes=minutes), sigma=sigma))
        for minutes, sigma in ((0, SIGMA), (5, SIGMA + 0.01))
    )
    lines = legs_of(CONDOR, now.listing, None)
    own = payoff_document(now, lines, lots=1, bars=NO_BARS, settings=shipped())
    carried = surface_along((first, now), shipped())
    session = payoff_document(now, lines, lots=1, bars=NO_BARS, settings=shipped(), surface=carried)
    assert own["fitted_at"] == own["ts"] and session["fitted_at"] == first.ts.isoformat()
    q, before = own["measures"][0], session["measures"][0]
    assert q["deviation_points"] > 1.04 * before["deviation_points"]


@pytest.mark.skipif(not REAL.exists(), reason="the recorded day is not beside the project")
@pytest.mark.parametrize(
    "legs", ["-24350PE", "+24800CE", CONDOR.replace("25100", "24700").replace("25300", "24900")]
)
def test_worth_at_mid_under_q_is_what_the_smile_misses_of_the_quotes(legs: str) -> None:
    settings = shipped()
    view = from_file(REAL, "11:15", settings)
    surface = surface_of(view, settings)
    for i, expiry in enumerate(view.listing.expiries[:4]):
        lines = legs_of(legs, view.listing, expiry)
        found = payoff_document(view, lines, lots=1, bars=NO_BARS, settings=settings, surface=surface)
        forward, years = float(view.forwards.forward[i]), float(view.years[i])
        fair = 0.0
        for line in lines:
            contract = line.leg.contract
            sigma = float(surface.expiry_sigma(float(contract.strike), i))
            is_call = contract.option_type.value == "CE"
            fair += line.leg.side.sign * float(price(forward, contract.strike, years, sigma, is_call, 1.0))
        miss = found["mid"]["credit_points"] + found["discount"] * fair
        worth = float(found["measures"][0]["mid"]["ev_inr"]) / found["units"]
        assert worth == pytest.approx(miss, abs=0.02)
    assert any("what the fitted smile misses" in note for note in found["notes"])


def test_worth_at_mid_of_a_calendar_is_not_called_a_miss_of_the_smile(view: MarketView) -> None:
    notes = document(view, "-24800CE +24800CE@2025-09-30")["notes"]
    assert any("EV at mid under Q is mostly that assumption on later legs" in note for note in notes)
    assert not any("what the fitted smile misses" in note for note in notes)


def test_legs_of_different_lot_sizes_are_refused() -> None:
    near, far = date(2025, 12, 30), date(2026, 1, 27)
    rules = shipped_rules().contracts
    day = at("2025-12-10 11:00")
    listing = make_listing({near: range(24_000, 25_601, 50), far: range(24_000, 25_601, 50)})
    sizes = {rules.lot_size(listing.underlying, day.date(), expiry) for expiry in (near, far)}
    assert sizes == {75, 65}
    view = view_of(flat_vol_snapshot(day, listing=listing))
    with pytest.raises(UsageError, match="different lot sizes"):
        document(view, "-24800CE +24800CE@2026-01-27")


def test_bars_end_before_the_day_and_a_named_folder_must_hold_them(tmp_path: Path) -> None:
    day = date(2025, 9, 3)
    assert bars_before(day, None, tmp_path / "absent", shipped()) == ()
    assert bars_before(day, None, tmp_path, shipped()) == ()
    with pytest.raises(DataError):
        bars_before(day, tmp_path, tmp_path, shipped())
    rows = "".join(f"2025-09-0{n},1,2,1,1.5\n" for n in (1, 2, 3, 4))
    (tmp_path / "nifty_daily.csv").write_text("date,open,high,low,close\n" + rows)
    for named in (None, tmp_path):
        assert [bar.day.day for bar in bars_before(day, named, tmp_path, shipped())] == [1, 2]
