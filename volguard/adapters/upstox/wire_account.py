"""The account on the wire: who it is, money, positions, margin and charges, kill switch, static address."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from volguard.adapters.upstox.times import parse_time
from volguard.adapters.upstox.trading_symbols import confirmed_by
from volguard.adapters.upstox.wire_funds import FundsData
from volguard.adapters.upstox.wire_values import Spare, Word, money_of, price_of, require_finite
from volguard.model.broker import (
    BrokerPosition,
    CashOfDay,
    ChargesAnswer,
    Funds,
    InstrumentKey,
    MarginAnswer,
    MarginLine,
)
from volguard.model.errors import InvariantBroken
from volguard.model.instrument import OptionContract, Side

ContractOf = Callable[[InstrumentKey], OptionContract | None]

SEGMENTS = frozenset(
    {"NSE_EQ", "BSE_EQ", "NSE_FO", "BSE_FO", "NCD_FO", "BCD_FO", "MCX_FO", "NSE_COM", "BSE_MF"}
)


class Profile(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """`data` of the profile: who is logged in, and what the account may trade."""

    email: str | None = None
    exchanges: list[str]
    products: list[str] = []
    broker: str | None = None
    user_id: str
    user_name: str | None = None
    order_types: list[str] = []
    user_type: Spare = None
    poa: Spare = None
    ddpi: Spare = None
    is_active: bool


class PositionRow(msgspec.Struct, kw_only=True, frozen=True):
    """A row of the day's positions, closed ones too; averages and P&L are the broker's and not used."""

    exchange: str | None = None
    multiplier: Spare = None
    value: Spare = None
    pnl: Spare = None
    product: str
    instrument_token: str
    average_price: Spare = None
    buy_value: float
    overnight_quantity: int
    day_buy_value: Spare = None
    day_buy_price: Spare = None
    overnight_buy_amount: Spare = None
    overnight_buy_quantity: Spare = None
    day_buy_quantity: Spare = None
    day_sell_value: Spare = None
    day_sell_price: Spare = None
    overnight_sell_amount: Spare = None
    overnight_sell_quantity: Spare = None
    day_sell_quantity: Spare = None
    quantity: int
    last_price: float | None = None
    unrealised: Spare = None
    realised: Spare = None
    sell_value: float
    trading_symbol: str | None = None
    tradingsymbol: str | None = None
    close_price: Spare = None
    buy_price: Spare = None
    sell_price: Spare = None

    def __post_init__(self) -> None:
        require_finite("buy_value", self.buy_value)
        require_finite("sell_value", self.sell_value)
        require_finite("last_price", self.last_price)
        if not self.instrument_token.strip():
            raise ValueError("instrument_token was empty")


class MarginBodyLine(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One leg of a margin question; without a price the market's is taken."""

    instrument_key: str
    quantity: int
    product: str
    transaction_type: Side
    price: float | None = None


class MarginBody(msgspec.Struct, kw_only=True, frozen=True):
    """Body of the margin question."""

    instruments: list[MarginBodyLine]


class MarginRow(msgspec.Struct, kw_only=True, frozen=True):
    """Margin of one line, in the order of the question, rupees."""

    span_margin: Spare = None
    exposure_margin: Spare = None
    equity_margin: Spare = None
    net_buy_premium: Spare = None
    additional_margin: Spare = None
    total_margin: float
    tender_margin: Spare = None


class MarginData(msgspec.Struct, kw_only=True, frozen=True):
    """`data` of the margin answer, rupees."""

    margins: list[MarginRow] = []
    required_margin: float
    final_margin: float

    def __post_init__(self) -> None:
        for name in ("required_margin", "final_margin"):
            require_finite(name, getattr(self, name))
            if getattr(self, name) < 0.0:
                raise ValueError(f"{name} was {getattr(self, name)}, must not be negative")


class Taxes(msgspec.Struct, kw_only=True, frozen=True):
    """Taxes on one order, rupees."""

    gst: float
    stt: float
    stamp_duty: float


class OtherCharges(msgspec.Struct, kw_only=True, frozen=True):
    """What the exchange and the regulator take, rupees."""

    transaction: float
    clearing: float
    ipft: float
    sebi_turnover: float


class DepositoryPlan(msgspec.Struct, kw_only=True, frozen=True):
    """The depository's plan; of no use to options."""

    name: Spare = None
    min_expense: Spare = None


class Charges(msgspec.Struct, kw_only=True, frozen=True):
    """Charges of one order; two parts come in both spellings, either of which will do."""

    total: float
    brokerage: float
    taxes: Taxes
    other_charges: OtherCharges | None = None
    dp_plan: DepositoryPlan | msgspec.UnsetType | None = msgspec.UNSET
    other_taxes: OtherCharges | None = msgspec.field(default=None, name="otherTaxes")
    dp_plan_camel: DepositoryPlan | msgspec.UnsetType | None = msgspec.field(
        default=msgspec.UNSET, name="dpPlan"
    )

    def __post_init__(self) -> None:
        for part in (self, self.taxes, self.other):
            for name in part.__struct_fields__:
                value = getattr(part, name)
                require_finite(name, value if isinstance(value, float) else None)

    @property
    def other(self) -> OtherCharges:
        """What the exchange and the regulator take, in whichever spelling it came. Raises ValueError."""
        found = self.other_charges or self.other_taxes
        if found is None:
            raise ValueError("Object missing required field `other_charges`")
        return found


class BrokerageData(msgspec.Struct, kw_only=True, frozen=True):
    """`data` of the charges answer."""

    charges: Charges


class KillSwitchRow(msgspec.Struct, kw_only=True, frozen=True):
    """The broker's own kill switch of one segment."""

    segment: str
    segment_status: str | None = None
    kill_switch_enabled: bool


class KillSwitchChange(msgspec.Struct, kw_only=True, frozen=True):
    """One line of a change: ENABLE or DISABLE."""

    segment: str
    action: str


class StaticIpBody(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Body that registers addresses; the broker takes one change a week."""

    primary_ip: str
    secondary_ip: str | None = None


class StaticIp(msgspec.Struct, kw_only=True, frozen=True):
    """`data` of the static address: from where order writes are taken."""

    primary_ip: str | None
    secondary_ip: str | None = None
    primary_ip_updated_at: Word | None = None
    secondary_ip_updated_at: Word | None = None
    access_tokens_invalidated: bool | None = None
    primary_ip_family_members: list[str] | None = None
    secondary_ip_family_members: list[str] | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The registered addresses, none where the account has no such rule yet."""
        return tuple(address for address in (self.primary_ip, self.secondary_ip) if address)

    @property
    def changed_at(self) -> datetime | None:
        """When the first address was set, aware IST. Raises ValueError on a form that is not known."""
        return parse_time(self.primary_ip_updated_at)


def position_of(row: PositionRow, contract_of: ContractOf) -> BrokerPosition:
    """The position a row tells of; quantity 0 for one that was closed today.

    Its contract is None where the key is none of ours, or where the row's own symbol names another contract:
    it is held all the same. A symbol that cannot be parsed changes nothing.
    """
    key = InstrumentKey(row.instrument_token)
    keyed = contract_of(key)
    contract = confirmed_by(keyed, row.trading_symbol, row.tradingsymbol)
    return BrokerPosition(
        key=key,
        contract=contract,
        keyed_as=keyed if contract is None else None,
        product=row.product,
        quantity=row.quantity,
        overnight_quantity=row.overnight_quantity,
        buy_value_inr=money_of(row.buy_value),
        sell_value_inr=money_of(row.sell_value),
        last_price=None if row.last_price is None else price_of(row.last_price),
    )


def funds_of(data: FundsData) -> Funds:
    """What may still be used for margin, cash and pledge together, and what is used."""
    cash, pledge = data.available_to_trade.cash_available_to_trade, data.available_to_trade.pledge
    used = money_of(cash.margin_used.total)
    if pledge is not None:
        used += money_of(pledge.margin_used.total)
    return Funds(available_inr=money_of(data.available_to_trade.total), used_inr=used)


def cash_of(data: FundsData) -> CashOfDay:
    """The day's cash; a figure that is no number was not told."""
    part = data.available_to_trade.cash_available_to_trade
    cash = part.cash
    return CashOfDay(
        available_inr=money_of(part.total),
        used_inr=money_of(part.margin_used.total),
        opening_inr=None if cash is None else _told(cash.opening_balance),
        added_inr=None if cash is None else _told(cash.added_today),
        withdrawn_inr=None if cash is None else _told(cash.withdrawn_today),
    )


def margin_body(lines: Sequence[MarginLine]) -> MarginBody:
    """The margin question for some legs. Raises InvariantBroken on no leg, a key twice, or quantity 0."""
    keys = [line.key for line in lines]
    if not keys or len(set(keys)) != len(keys):
        raise InvariantBroken(f"a margin question of {len(keys)} legs on {len(set(keys))} instruments")
    return MarginBody(instruments=[_margin_line(line) for line in lines])


def margin_of(data: MarginData) -> MarginAnswer:
    """The answer in rupees."""
    return MarginAnswer(required_inr=money_of(data.required_margin), final_inr=money_of(data.final_margin))


def charges_query(
    key: InstrumentKey, *, quantity: int, product: str, side: Side, price: Decimal
) -> dict[str, str]:
    """The query of one order's charges."""
    return {
        "instrument_token": key,
        "quantity": str(quantity),
        "product": product,
        "transaction_type": side.value,
        "price": f"{price:f}",
    }


def charges_of(data: BrokerageData) -> ChargesAnswer:
    """The answer in rupees; clearing counts with the exchange's own charge."""
    charges, taxes, other = data.charges, data.charges.taxes, data.charges.other
    return ChargesAnswer(
        total_inr=money_of(charges.total),
        brokerage_inr=money_of(charges.brokerage),
        stt_inr=money_of(taxes.stt),
        stamp_inr=money_of(taxes.stamp_duty),
        gst_inr=money_of(taxes.gst),
        exchange_inr=money_of(other.transaction) + money_of(other.clearing),
        sebi_inr=money_of(other.sebi_turnover),
        ipft_inr=money_of(other.ipft),
    )


def kill_switch_body(segment: str, *, enable: bool) -> list[KillSwitchChange]:
    """The array that turns the broker's kill switch of one segment. Raises InvariantBroken on a bad one."""
    if segment not in SEGMENTS:
        raise InvariantBroken(f"kill switch of segment {segment!r}, known are {', '.join(sorted(SEGMENTS))}")
    return [KillSwitchChange(segment=segment, action="ENABLE" if enable else "DISABLE")]


def _told(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return money_of(float(value))


def _margin_line(line: MarginLine) -> MarginBodyLine:
    if line.quantity == 0 or (line.price is not None and line.price <= 0):
        raise InvariantBroken(f"margin of {line.quantity} units of {line.key} at {line.price}")
    return MarginBodyLine(
        instrument_key=line.key,
        quantity=abs(line.quantity),
        product=line.product,
        transaction_type=Side.BUY if line.quantity > 0 else Side.SELL,
        price=None if line.price is None else float(line.price),
    )
