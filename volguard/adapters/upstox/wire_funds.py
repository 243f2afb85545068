"""Funds on the wire, v3 and the older v2; every figure in rupees."""

from __future__ import annotations

import msgspec

from volguard.adapters.upstox.wire_values import Spare, require_finite


class Cash(msgspec.Struct, kw_only=True, frozen=True):
    """Money that came and went."""

    opening_balance: Spare = None
    added_today: Spare = None
    withdrawn_today: Spare = None
    amount_from_stock_sale: Spare = None
    unpaid_charges: Spare = None


class Loss(msgspec.Struct, kw_only=True, frozen=True):
    """Losses that margin is held for."""

    total: Spare = None
    realised: Spare = None
    unrealised: Spare = None


class DeliveryMargin(msgspec.Struct, kw_only=True, frozen=True):
    """Margin for deliveries."""

    total: Spare = None
    equity: Spare = None
    fo_settlement: Spare = None


class MarginUsed(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Margin in use; `loss` of cash alone."""

    total: float
    mtf: Spare = None
    loss: Loss | None = None
    span_exposure: Spare = None
    cash_margin_var_elm: Spare = None
    premium_present: Spare = None
    delivery_margin: DeliveryMargin | None = None

    def __post_init__(self) -> None:
        require_finite("margin_used.total", self.total)


class CashAvailable(msgspec.Struct, kw_only=True, frozen=True):
    """The part that is cash."""

    total: float
    cash: Cash | None = None
    margin_used: MarginUsed

    def __post_init__(self) -> None:
        require_finite("cash_available_to_trade.total", self.total)


class PledgeMargin(msgspec.Struct, kw_only=True, frozen=True):
    """Margin that pledged securities give."""

    total: float
    equity: Spare = None
    mutual_funds: Spare = None


class PledgeAvailable(msgspec.Struct, kw_only=True, frozen=True):
    """The part that is pledged securities; it has no total of its own."""

    margin_from_pledge: PledgeMargin | None = None
    margin_used: MarginUsed


class AvailableToTrade(msgspec.Struct, kw_only=True, frozen=True):
    """What may be traded with; no pledge at all may come as null or not."""

    total: float
    cash_available_to_trade: CashAvailable
    pledge: PledgeAvailable | None = msgspec.field(default=None, name="pledge_available_to_trade")

    def __post_init__(self) -> None:
        require_finite("available_to_trade.total", self.total)


class UnsettledProfit(msgspec.Struct, kw_only=True, frozen=True):
    """Profit that is not settled yet."""

    todays_profit: Spare = None
    previous_days: Spare = None


class CashUnavailable(msgspec.Struct, kw_only=True, frozen=True):
    """Cash that may not be traded with."""

    unsettled_profit: UnsettledProfit | None = None


class PledgeUnavailable(msgspec.Struct, kw_only=True, frozen=True):
    """Pledged securities that may not be traded with."""

    equity: Spare = None
    mutual_funds: Spare = None


class UnavailableToTrade(msgspec.Struct, kw_only=True, frozen=True):
    """What may not be traded with."""

    cash_unavailable_to_trade: CashUnavailable | None = None
    pledge_unavailable_to_trade: PledgeUnavailable | None = None


class FundsData(msgspec.Struct, kw_only=True, frozen=True):
    """`data` of funds v3."""

    available_to_trade: AvailableToTrade
    unavailable_to_trade: UnavailableToTrade | None = None


class SegmentFunds(msgspec.Struct, kw_only=True, frozen=True):
    """One pool of funds v2."""

    used_margin: float
    payin_amount: Spare = None
    span_margin: Spare = None
    adhoc_margin: Spare = None
    notional_cash: Spare = None
    available_margin: float
    exposure_margin: Spare = None

    def __post_init__(self) -> None:
        require_finite("used_margin", self.used_margin)
        require_finite("available_margin", self.available_margin)


class OldFundsData(msgspec.Struct, kw_only=True, frozen=True):
    """`data` of funds v2; since the pools were joined all is in `equity`."""

    equity: SegmentFunds
    commodity: SegmentFunds | None = None
