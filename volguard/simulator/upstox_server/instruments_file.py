"""The instrument file of the NSE as the broker publishes it: gzipped JSON, options among much else."""

from __future__ import annotations

import gzip
from typing import Any, Final

import msgspec

from volguard.adapters.upstox.times import expiry_ms
from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.chain import PAISE
from volguard.simulator.upstox_server.envelope import CallRefused
from volguard.simulator.upstox_server.instruments import (
    INDEX_NAMES,
    INDEX_SEGMENT,
    SEGMENT,
    VIX_NAME,
    Instrument,
    Instruments,
    file_day,
)
from volguard.simulator.upstox_server.messages import Response

FILES: Final = ("NSE", "complete")
FUTURE_TICK: Final = 10.0


class InstrumentsFile:
    """Makes the file of what is listed; again when more is."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._made: tuple[int, bytes] = (-1, b"")

    def file(self, call: Call) -> Response:
        """The file by name, as bytes of gzip."""
        if call.path["exchange"] not in FILES:
            raise CallRefused("UDAPI100060")
        count = len(self._instruments.rows)
        if self._made[0] != count:
            self._made = count, gzip.compress(msgspec.json.encode(self._rows()), mtime=0)
        return Response(status=200, body=self._made[1], content_type="application/gzip")

    def _rows(self) -> list[dict[str, Any]]:
        indices = [_index_row(name, place) for place, name in enumerate((*INDEX_NAMES.values(), VIX_NAME))]
        listed = sorted(self._instruments.rows, key=lambda one: one.contract)
        options = [self._option_row(one) for one in listed]
        monthly = next((one for one in listed if not one.is_weekly), None)
        futures = [self._future_row(monthly)] if monthly is not None else []
        return [*indices, EQUITY_ROW, *futures, *options]

    def _option_row(self, one: Instrument) -> dict[str, Any]:
        row = {
            **self._common(one),
            "instrument_type": one.contract.option_type.value,
            "instrument_key": one.key,
            "exchange_token": one.token,
            "trading_symbol": one.file_symbol,
            "strike_price": float(one.contract.strike),
            "tick_size": float(one.tick * PAISE),
        }
        return {**row, "weekly": True} if one.is_weekly else row

    def _future_row(self, one: Instrument) -> dict[str, Any]:
        token = "35001"
        return {
            **self._common(one),
            "instrument_type": "FUT",
            "instrument_key": f"{SEGMENT}|{token}",
            "exchange_token": token,
            "trading_symbol": f"{one.contract.underlying} FUT {file_day(one.contract.expiry)}",
            "tick_size": FUTURE_TICK,
        }

    def _common(self, one: Instrument) -> dict[str, Any]:
        name, key = str(one.contract.underlying), self._instruments.index_key
        return {
            "segment": SEGMENT,
            "exchange": "NSE",
            "name": name,
            "expiry": expiry_ms(one.contract.expiry),
            "lot_size": one.lot_size,
            "minimum_lot": one.lot_size,
            "freeze_quantity": float(one.freeze_quantity),
            "underlying_key": key,
            "asset_key": key,
            "underlying_symbol": name,
            "asset_symbol": name,
            "underlying_type": "INDEX",
            "asset_type": "INDEX",
            "qty_multiplier": 1.0,
        }


def _index_row(name: str, place: int) -> dict[str, Any]:
    return {
        "segment": INDEX_SEGMENT,
        "name": name,
        "exchange": "NSE",
        "instrument_type": "INDEX",
        "instrument_key": f"{INDEX_SEGMENT}|{name}",
        "exchange_token": str(26_000 + place),
        "trading_symbol": name.upper(),
    }


# One share, so that a reader meets rows that are not its own.
EQUITY_ROW: Final = {
    "segment": "NSE_EQ",
    "name": "NHPC LTD",
    "exchange": "NSE",
    "isin": "INE848E01016",
    "instrument_type": "EQ",
    "instrument_key": "NSE_EQ|INE848E01016",
    "lot_size": 1,
    "freeze_quantity": 100_000.0,
    "exchange_token": "17400",
    "tick_size": 1.0,
    "trading_symbol": "NHPC",
    "short_name": "NHPC",
    "security_type": "NORMAL",
    "qty_multiplier": 1.0,
}
