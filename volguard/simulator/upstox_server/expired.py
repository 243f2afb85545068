"""Expired instruments: which expiries, which contracts, their candles; for subscribers of Plus alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

from volguard.adapters.upstox.times import key_day_text, parse_key_day
from volguard.model.instrument import OptionContract, OptionType, Underlying
from volguard.nse.contracts import Contracts
from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.candles import Candles, Span
from volguard.simulator.upstox_server.chain import PAISE, day_of
from volguard.simulator.upstox_server.envelope import CallRefused, success
from volguard.simulator.upstox_server.instruments import SEGMENT, Instruments, file_day
from volguard.simulator.upstox_server.messages import Response
from volguard.simulator.upstox_server.past import Past

KEPT_FOR: Final = timedelta(days=183)
STRIKES_EACH_SIDE: Final = 20
KEY_PARTS: Final = 3
RIGHTS: Final = {"1": OptionType.CALL, "2": OptionType.PUT}  # last digit of a token
INTERVALS: Final = {
    "1minute": ("minutes", 1),
    "3minute": ("minutes", 3),
    "5minute": ("minutes", 5),
    "15minute": ("minutes", 15),
    "30minute": ("minutes", 30),
    "day": ("days", 1),
}


class Expired:
    """Answers calls about what has expired; `plus_status` is the HTTP status for those without Plus."""

    def __init__(
        self,
        *,
        instruments: Instruments,
        contracts: Contracts,
        past: Past,
        candles: Candles,
        today: Callable[[], date],
        plus_status: int | None,
    ) -> None:
        self._instruments, self._contracts, self._past = instruments, contracts, past
        self._candles, self._today, self._plus_status = candles, today, plus_status

    def expiries(self, call: Call) -> Response:
        """Dates of the last six months."""
        self._require_plus()
        return success([day.isoformat() for day in self._known(call)])

    def option_contracts(self, call: Call) -> Response:
        """Contracts of one expiry; none for one that is not known."""
        self._require_plus()
        day = day_of(call.query("expiry_date"))
        return success(self._rows(day) if day in self._known(call) else [])

    def future_contracts(self, call: Call) -> Response:
        """Futures are not made here."""
        self._require_plus()
        self._known(call)
        return success([])

    def candles(self, call: Call) -> Response:
        """Candles of an expired option."""
        self._require_plus()
        if call.path["interval"] not in INTERVALS:
            raise CallRefused("UDAPI1020")
        contract = self._contract(call.path["key"])
        unit, interval = INTERVALS[call.path["interval"]]
        first, last = (day_of(call.path[name], "UDAPI1015") for name in ("from_date", "to_date"))
        if first > last:
            raise CallRefused("UDAPI1015")
        span = Span(unit=unit, interval=interval, first=first, last=last)
        lot = self._contracts.lot_size(self._underlying, contract.expiry, contract.expiry)
        bars = self._past.option(contract, lot, first, last, by_minute=span.by_minute)
        return self._candles.of_bars(bars, span)

    @property
    def _underlying(self) -> Underlying:
        return self._instruments.underlying

    def _require_plus(self) -> None:
        if self._plus_status is not None:
            raise CallRefused("UDAPI1149", status=self._plus_status)

    def _known(self, call: Call) -> list[date]:
        key = call.query("instrument_key")
        if not key:
            raise CallRefused("UDAPI1009")
        if key != self._instruments.index_key:
            return []
        today = self._today()
        found = self._contracts.generate_expiries(self._underlying, today - KEPT_FOR, today)
        return [
            listed.day
            for listed in found
            if listed.day < today and self._past.close_on(listed.day) is not None
        ]

    def _rows(self, day: date) -> list[dict[str, Any]]:
        close = self._past.close_on(day)
        if close is None:
            return []
        step = self._contracts.strike_step(self._underlying, day, day)
        middle = round(close / step) * step
        strikes = range(middle - STRIKES_EACH_SIDE * step, middle + (STRIKES_EACH_SIDE + 1) * step, step)
        return [self._row(day, strike, digit) for strike in strikes for digit in RIGHTS]

    def _row(self, day: date, strike: int, digit: str) -> dict[str, Any]:
        underlying, right = self._underlying, RIGHTS[digit]
        lot = self._contracts.lot_size(underlying, day, day)
        token = f"{strike}{digit}"
        return {
            "name": str(underlying),
            "segment": SEGMENT,
            "exchange": "NSE",
            "expiry": day.isoformat(),
            "weekly": not self._contracts.is_monthly(underlying, day),
            "instrument_key": f"{SEGMENT}|{token}|{key_day_text(day)}",
            "exchange_token": token,
            "trading_symbol": f"{underlying} {strike} {right} {file_day(day)}",
            "tick_size": int(self._contracts.tick(underlying, day) * PAISE),
            "lot_size": lot,
            "instrument_type": right.value,
            "freeze_quantity": self._contracts.freeze_quantity(underlying, day),
            "underlying_key": self._instruments.index_key,
            "underlying_type": "INDEX",
            "underlying_symbol": str(underlying),
            "strike_price": strike,
            "minimum_lot": lot,
        }

    def _contract(self, key: str) -> OptionContract:
        parts = key.split("|")
        if len(parts) != KEY_PARTS:
            raise CallRefused("UDAPI1021")
        segment, token, day = parts
        try:
            expiry = parse_key_day(day)
            right, strike = RIGHTS[token[-1:]], int(token[:-1])
        except (KeyError, ValueError) as error:
            raise CallRefused("UDAPI1021") from error
        if segment != SEGMENT or expiry >= self._today():
            raise CallRefused("UDAPI100011")
        return OptionContract(underlying=self._underlying, expiry=expiry, strike=strike, option_type=right)
