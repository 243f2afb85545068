"""The option chain and the contracts of the underlying, as the broker lists them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from volguard.model.instrument import OptionType
from volguard.simulator.upstox_server.board import ChainGreeks, MarketBoard
from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.envelope import CallRefused, success
from volguard.simulator.upstox_server.instruments import SEGMENT, Instrument
from volguard.simulator.upstox_server.messages import Response
from volguard.simulator.upstox_server.quotes import check_key

PERCENT: Final = 100.0
PAISE: Final = 100
WEEKS: Final = ("current_week", "next_week", "far_week")
MONTHS: Final = ("current_month", "next_month", "far_month")
NO_MARKET: Final = {
    **{"ltp": 0.0, "volume": 0, "oi": 0.0, "close_price": 0.0},
    **{"bid_price": 0.0, "bid_qty": 0, "ask_price": 0.0, "ask_qty": 0, "prev_oi": 0.0},
}
NO_GREEKS: Final = {"vega": 0.0, "theta": 0.0, "gamma": 0.0, "delta": 0.0, "iv": 0.0}


class Chain:
    """Answers calls about the chain from the board."""

    def __init__(self, board: MarketBoard) -> None:
        self._board = board

    # --- contracts --------------------------------------------------------------------------------

    def contracts(self, call: Call) -> Response:
        """Contracts of the underlying, of one expiry where it is given."""
        listed = self._listed(call)
        wanted = call.query("expiry_date")
        if wanted:
            day = self._expiry(wanted, listed)
            listed = [instrument for instrument in listed if instrument.contract.expiry == day]
        return success([self.contract_row(instrument) for instrument in listed])

    def contract_row(self, instrument: Instrument) -> dict[str, Any]:
        """One contract; its tick in paise, its expiry a date."""
        contract, underlying_key = instrument.contract, self._board.instruments.index_key
        return {
            "name": str(contract.underlying),
            "segment": SEGMENT,
            "exchange": "NSE",
            "expiry": contract.expiry.isoformat(),
            "weekly": instrument.is_weekly,
            "instrument_key": instrument.key,
            "exchange_token": instrument.token,
            "trading_symbol": instrument.file_symbol,
            "tick_size": int(instrument.tick * PAISE),
            "lot_size": instrument.lot_size,
            "instrument_type": contract.option_type.value,
            "freeze_quantity": instrument.freeze_quantity,
            "underlying_key": underlying_key,
            "underlying_type": "INDEX",
            "underlying_symbol": str(contract.underlying),
            "strike_price": contract.strike,
            "minimum_lot": instrument.lot_size,
        }

    def _listed(self, call: Call) -> list[Instrument]:
        key = call.query("instrument_key")
        if not key:
            raise CallRefused("UDAPI1009")
        check_key(key, "UDAPI1011")
        rows = self._board.instruments.rows if key == self._board.instruments.index_key else []
        return sorted(rows, key=lambda instrument: instrument.contract)

    def _expiry(self, text: str, listed: Sequence[Instrument]) -> date | None:
        weeks = sorted({one.contract.expiry for one in listed})
        months = sorted({one.contract.expiry for one in listed if not one.is_weekly})
        for words, days in ((WEEKS, weeks), (MONTHS, months)):
            if text in words:
                place = words.index(text)
                return days[place] if place < len(days) else None
        return day_of(text)

    # --- chain ------------------------------------------------------------------------------------

    def chain(self, call: Call) -> Response:
        """One expiry, strike by strike; an expiry that is not listed has no rows."""
        if not call.query("expiry_date"):
            raise CallRefused("UDAPI1088")
        day = day_of(call.query("expiry_date"))
        strikes: dict[int, dict[OptionType, Instrument]] = {}
        for instrument in self._listed(call):
            if instrument.contract.expiry == day:
                sides = strikes.setdefault(instrument.contract.strike, {})
                sides[instrument.contract.option_type] = instrument
        return success([self._strike_row(day, strike, sides) for strike, sides in sorted(strikes.items())])

    def _strike_row(self, day: date, strike: int, sides: dict[OptionType, Instrument]) -> dict[str, Any]:
        index = self._board.index
        row: dict[str, Any] = {
            "expiry": day.isoformat(),
            "strike_price": float(strike),
            "underlying_key": self._board.instruments.index_key,
            "underlying_spot_price": index.ltp if index is not None else 0.0,
        }
        for name, kind in (("call_options", OptionType.CALL), ("put_options", OptionType.PUT)):
            if kind in sides:
                row[name] = self._side(sides[kind])
        call_oi, put_oi = (
            row[name]["market_data"]["oi"] if name in row else 0.0 for name in ("call_options", "put_options")
        )
        return {**row, "pcr": round(put_oi / call_oi, 4) if call_oi else 0.0}

    def _side(self, instrument: Instrument) -> dict[str, Any]:
        row, shown = self._board.row_of(instrument), self._board.shown
        if row is None or shown is None:
            return {"instrument_key": instrument.key, "market_data": NO_MARKET, "option_greeks": NO_GREEKS}
        shot = shown.snapshot
        return {
            "instrument_key": instrument.key,
            "market_data": {
                "ltp": _known(shot.ltp[row]),
                "volume": int(shot.volume[row]),
                "oi": float(shot.oi[row]),
                "close_price": self._board.previous_close(instrument.slot) or 0.0,
                "bid_price": _known(shot.bid[row]),
                "bid_qty": int(shot.bid_qty[row]),
                "ask_price": _known(shot.ask[row]),
                "ask_qty": int(shot.ask_qty[row]),
                "prev_oi": float(self._board.options.first_oi[instrument.slot]),
            },
            "option_greeks": _greeks(shown.greeks, row),
        }


def day_of(text: str, code: str = "UDAPI1088") -> date:
    """A date YYYY-MM-DD. Raises CallRefused."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CallRefused(code) from error


def _greeks(greeks: ChainGreeks, row: int) -> dict[str, float]:
    return {
        **{
            name: round(_known(getattr(greeks, name)[row]), 4) for name in ("vega", "theta", "gamma", "delta")
        },
        "iv": round(_known(greeks.iv[row]) * PERCENT, 2),
        "pop": round(_known(greeks.probability_itm[row]) * PERCENT, 2),
    }


def _known(value: Any) -> float:
    number = float(value)
    return number if math.isfinite(number) else 0.0
