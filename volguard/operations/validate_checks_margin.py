"""One lot of a listed iron condor at the broker's margin calculator, with our own margin beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from volguard.adapters.figure_text import amount_text, percent_text
from volguard.adapters.history import FileHistory
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.quote_board import QuoteBoard
from volguard.adapters.upstox.quote_reports import reports_of
from volguard.adapters.upstox.universe import Reach, choose_universe
from volguard.measure.margin import Margin
from volguard.measure.market_view import MarketView, view_market
from volguard.model.book import Leg
from volguard.model.broker import InstrumentKey, MarginAnswer, MarginLine
from volguard.model.errors import DataError, VolguardError
from volguard.model.instrument import OptionContract, OptionType, Side
from volguard.model.market import Capabilities, DailyBar
from volguard.model.units import money_text, rupees
from volguard.operations.margin_view import margin_at
from volguard.operations.portfolio import portfolio_of_legs
from volguard.operations.validate_checks_access import MASTER_FOLDER, newest_master
from volguard.operations.validate_live import Live
from volguard.operations.validate_row import Check, Context, Evidence, Finding, failed, passed, warned
from volguard.strategy.legs_text import LegLine
from volguard.wiring import data_folder_of, history_folder_of

STRIKE_SHARE: Final = 0.04  # of the index either side: room for shorts at 2 % and their wings
SHORT_SHARE: Final = 0.02
WING_STRIKES: Final = 4  # listed strikes from the short to its hedge
CONTRACTS_MAX: Final = 400
DELIVERY: Final = "D"
DIFFERENCE_GOOD: Final = 0.20


@dataclass(frozen=True, slots=True, kw_only=True)
class Condor:
    """One lot of an iron condor: its legs, the broker's key of each, units per leg."""

    legs: tuple[Leg, ...]
    keys: tuple[InstrumentKey, ...]
    units: int

    @property
    def text(self) -> str:
        """The legs as an operator writes them."""
        return " ".join(
            f"{'-' if leg.side is Side.SELL else '+'}{leg.contract.strike}{leg.contract.option_type.value}"
            for leg in self.legs
        )

    @property
    def expiry(self) -> date:
        """When all of it expires."""
        return self.legs[0].contract.expiry


def look_at_margin_calculator(context: Context) -> Finding:
    """The broker answers for one lot of a listed condor; our own margin is near it."""
    live = context.live
    if live is None:
        raise DataError("the network was not asked for", hint="add --live")
    master = _master(context)
    level = _level(live, master)
    view = _view(context, live, master, level)
    condor = condor_of(view, master, level)
    answer = live.account.margin(
        [
            MarginLine(key=key, quantity=leg.side.sign * condor.units, product=DELIVERY)
            for leg, key in zip(condor.legs, condor.keys, strict=True)
        ]
    )
    ours = _ours(context, view, condor)
    evidence = _evidence(condor, answer, ours)
    if answer.final_inr <= 0:
        return failed(
            f"the broker asks {answer.final_inr} rupees for a short condor",
            *evidence,
            mend="try again in market hours; do not rely on the broker's figure meanwhile",
        )
    if not isinstance(ours, Margin):
        return warned(f"our own margin is not available: {ours}", *evidence, mend="see the row history")
    share = ours.total_inr / float(answer.final_inr) - 1.0
    if abs(share) > DIFFERENCE_GOOD:
        return warned(
            f"our margin differs by {percent_text(share)} from the broker's, good are "
            f"{percent_text(DIFFERENCE_GOOD, 0)}; the larger of both is used",
            *evidence,
            mend="volguard margin shows ours by component; look for a new circular in config/margin.toml",
        )
    return passed(f"our margin differs by {percent_text(share)} from the broker's", *evidence)


def condor_of(view: MarketView, master: InstrumentMaster, level: float) -> Condor:
    """Shorts nearest outside 2 % of the level, wings some listed strikes further. Raises DataError."""
    expiry = view.listing.expiries[0]
    strikes = sorted({int(strike) for strike in view.listing.strike})
    puts = [strike for strike in strikes if strike <= (1.0 - SHORT_SHARE) * level]
    calls = [strike for strike in strikes if strike >= (1.0 + SHORT_SHARE) * level]
    if min(len(puts), len(calls)) <= WING_STRIKES:
        raise DataError(f"{len(strikes)} strikes of {expiry} around {level:.2f} are too few for a condor")
    wanted = (
        (puts[-1 - WING_STRIKES], OptionType.PUT, Side.BUY),
        (puts[-1], OptionType.PUT, Side.SELL),
        (calls[0], OptionType.CALL, Side.SELL),
        (calls[WING_STRIKES], OptionType.CALL, Side.BUY),
    )
    legs, keys, units = [], [], set()
    for strike, option_type, side in wanted:
        contract = OptionContract(
            underlying=master.underlying, expiry=expiry, strike=strike, option_type=option_type
        )
        listed = master.instrument(contract)
        if listed is None:
            raise DataError(f"{contract.symbol} is not in {master.source}")
        legs.append(Leg(contract=contract, side=side))
        keys.append(listed.key)
        units.add(listed.lot_size)
    return Condor(legs=tuple(legs), keys=tuple(keys), units=max(units))


def _master(context: Context) -> InstrumentMaster:
    newest = newest_master(data_folder_of(context.settings, context.root) / MASTER_FOLDER)
    if newest is None:
        hint = context.command("data instruments")
        raise DataError("no instrument master: a condor cannot be named", hint=hint)
    return InstrumentMaster.of(newest[1].read_bytes(), underlying=context.underlying, source=str(newest[1]))


def _level(live: Live, master: InstrumentMaster) -> float:
    quote = live.link.reads.quotes([master.index_key]).found.get(master.index_key)
    if quote is None or quote.last_price <= 0.0:
        raise DataError(f"the broker quotes no level of {master.index_key}", hint="try again")
    return quote.last_price


def _view(context: Context, live: Live, master: InstrumentMaster, level: float) -> MarketView:
    later = [o.contract for o in master.options if o.contract.expiry > context.session_day]
    try:
        universe = choose_universe(
            later,
            underlying=master.underlying,
            level=level,
            trading_date=context.session_day,
            reach=Reach(expiries_max=1, strike_share=STRIKE_SHARE, contracts_max=CONTRACTS_MAX),
            held=(),
            key_of=master.key_of,
        )
    except ValueError as error:
        raise DataError(f"{master.source}: {error}", hint=context.command("data instruments")) from error
    board = QuoteBoard(
        universe.listing,
        universe.keys,
        index_key=master.index_key,
        vix_key=master.vix_key,
        level_age_max_s=float("inf"),
    )
    read_clock = context.clock.now
    quotes = live.link.reads.quotes(board.keys)
    board.confirm(reports_of(quotes.values()), read_clock())
    return view_market(
        board.snapshot(read_clock()),
        None,
        trading_date=context.session_day,
        capabilities=Capabilities(
            spot=True, vix=True, quote_time=True, depth=True, cadence_s=context.settings.upstox.cadence_s
        ),
        rules=context.rules,
        settings=context.settings.quotes,
    )


def _ours(context: Context, view: MarketView, condor: Condor) -> Margin | str:
    try:
        portfolio = portfolio_of_legs(
            view,
            tuple(LegLine(leg=leg, count=1) for leg in condor.legs),
            lots=1,
            bars=_bars(context),
            settings=context.settings,
        )
    except VolguardError as error:
        return error.message
    margin = margin_at(portfolio, 0.0)
    return margin if isinstance(margin, Margin) else margin.reason


def _bars(context: Context) -> Sequence[DailyBar]:
    history = FileHistory(history_folder_of(context.settings, context.root))
    return history.daily(context.underlying, context.session_day)


def _evidence(condor: Condor, answer: MarginAnswer, ours: Margin | str) -> tuple[Evidence, ...]:
    own = amount_text(money_text(rupees(ours.total_inr))) if isinstance(ours, Margin) else "not available"
    return (
        Evidence(name="condor", seen=f"{condor.text} of {condor.expiry}, {condor.units} units"),
        Evidence(name="broker, to get it on", seen=f"{amount_text(money_text(answer.required_inr))} rupees"),
        Evidence(name="broker, all legs on", seen=f"{amount_text(money_text(answer.final_inr))} rupees"),
        Evidence(
            name="ours",
            seen=f"{own} rupees",
            limit=f"within {percent_text(DIFFERENCE_GOOD, 0)} of the broker's",
        ),
    )


MARGIN_CHECKS: Final = (
    Check(id="margin", title="margin calculator", look=look_at_margin_calculator, is_live=True),
)
