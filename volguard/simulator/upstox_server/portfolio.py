"""Positions and funds as the broker tells them, its oddities with them: null averages, a minus zero."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from volguard.model.instrument import OptionContract
from volguard.model.units import money
from volguard.simulator.exchange import Exchange
from volguard.simulator.exchange_account import Holding
from volguard.simulator.upstox_server.board import MarketBoard
from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.envelope import CallRefused, success
from volguard.simulator.upstox_server.instruments import Instrument
from volguard.simulator.upstox_server.messages import Response
from volguard.simulator.upstox_server.order_rows import EXCHANGE, holding_fields

FUND_SEGMENTS: Final = ("SEC", "COM")
NO_DELIVERY: Final = {"total": 0.0, "equity": 0.0, "fo_settlement": 0.0}


class Portfolio:
    """Answers calls about what the account holds."""

    def __init__(
        self,
        exchange: Exchange,
        board: MarketBoard,
        instrument_of: Callable[[OptionContract], Instrument],
    ) -> None:
        self._exchange, self._board, self._instrument_of = exchange, board, instrument_of

    def positions(self, _call: Call) -> Response:
        """Every position of the day, closed ones with quantity 0."""
        return success([self._row(holding) for holding in self._exchange.account.holdings])

    def holdings(self, _call: Call) -> Response:
        """Shares: there are none."""
        return success([])

    def _row(self, holding: Holding) -> dict[str, Any]:
        instrument = self._instrument_of(holding.contract)
        last, close = self._last_price(instrument), self._board.previous_close(instrument.slot) or 0.0
        pnl = float(holding.sell_value - holding.buy_value) + holding.quantity * last
        realised = float(money(holding.realised)) if holding.realised else -0.0
        average = holding.average_price
        return {
            "exchange": EXCHANGE,
            "instrument_token": instrument.key,
            "trading_symbol": instrument.symbol,
            "tradingsymbol": instrument.symbol,
            **holding_fields(holding),
            "value": float(money(holding.quantity * (average or Decimal(0)))),
            "pnl": round(pnl, 2),
            "unrealised": round(pnl - realised, 2),
            "realised": realised,
            "last_price": last,
            "close_price": close,
        }

    def _last_price(self, instrument: Instrument) -> float:
        last = self._board.options.last
        value = float(last[instrument.slot]) if instrument.slot < len(last) else 0.0
        return value if value > 0.0 else 0.0

    # --- funds ------------------------------------------------------------------------------------

    def funds(self, _call: Call) -> Response:
        """v3."""
        held = self._exchange.money
        account = self._exchange.account
        available = float(money(held.available_inr))
        realised = float(money(sum((h.realised for h in account.holdings), Decimal(0))))
        used = {
            "total": float(money(held.used_inr)),
            "mtf": 0.0,
            "span_exposure": round(held.blocked.total_inr, 2),
            "cash_margin_var_elm": 0.0,
            "premium_present": float(money(held.promised_inr)),
            "delivery_margin": dict(NO_DELIVERY),
        }
        cash = {
            "opening_balance": float(account.capital_inr),
            "added_today": 0.0,
            "withdrawn_today": 0.0,
            "amount_from_stock_sale": 0.0,
            "unpaid_charges": float(money(account.charges_inr)),
        }
        loss = {"total": min(realised, 0.0), "realised": min(realised, 0.0), "unrealised": 0.0}
        nothing = {**used, "total": 0.0, "span_exposure": 0.0, "premium_present": 0.0}
        return success(
            {
                "available_to_trade": {
                    "total": available,
                    "cash_available_to_trade": {
                        "total": available,
                        "cash": cash,
                        "margin_used": {**used, "loss": loss},
                    },
                    "pledge_available_to_trade": {
                        "margin_from_pledge": {"total": 0.0, "equity": 0.0, "mutual_funds": 0.0},
                        "margin_used": nothing,
                    },
                },
                "unavailable_to_trade": {
                    "cash_unavailable_to_trade": {
                        "unsettled_profit": {"todays_profit": max(realised, 0.0), "previous_days": 0.0}
                    },
                    "pledge_unavailable_to_trade": {"equity": 0.0, "mutual_funds": 0.0},
                },
            }
        )

    def funds_old(self, call: Call) -> Response:
        """v2: all of it in equity, commodity is zeros; with a segment its object alone."""
        segment = call.query("segment")
        if segment and segment not in FUND_SEGMENTS:
            raise CallRefused("UDAPI1019")
        held = self._exchange.money
        equity = {
            "used_margin": float(money(held.used_inr)),
            "payin_amount": 0.0,
            "span_margin": round(held.blocked.span_inr, 2),
            "adhoc_margin": 0.0,
            "notional_cash": 0.0,
            "available_margin": float(money(held.available_inr)),
            "exposure_margin": round(held.blocked.exposure_inr, 2),
        }
        pools = {"SEC": ("equity", equity), "COM": ("commodity", dict.fromkeys(equity, 0))}
        wanted = [pools[segment]] if segment else list(pools.values())
        return success(dict(wanted))
