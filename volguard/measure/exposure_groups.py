"""Greeks by trade, bucket, expiry and for the portfolio, as they are and as a trade would leave them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from volguard.measure.exposure import Exposure, exposure_of
from volguard.measure.market_view import MarketView
from volguard.model.book import Bucket, Position, Trade, positions_of
from volguard.model.instrument import OptionContract
from volguard.model.proposal import Proposal

KeyT = TypeVar("KeyT", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one trade holds, or would hold: net signed units per contract."""

    trade_id: str
    bucket: Bucket
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureGroups:
    """Greeks in units and rupees (see Exposure) of each group, None where a leg of it has no Greeks.

    Trades are in the order of the holdings, buckets and expiries sorted; `missing` names the legs without
    Greeks. Positions net within a group, so that the portfolio may have a figure where two trades have none.
    """

    portfolio: Exposure | None
    by_trade: Mapping[str, Exposure | None]
    by_bucket: Mapping[Bucket, Exposure | None]
    by_expiry: Mapping[date, Exposure | None]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureChange:
    """The groups now and with one holding added or put in the place of its namesake."""

    before: ExposureGroups
    after: ExposureGroups


def holding_of(trade: Trade) -> Holding:
    """What a trade's fills have left it with."""
    return Holding(trade_id=trade.trade_id, bucket=trade.bucket, positions=positions_of(trade.fills))


def whole_holding(trade: Trade) -> Holding:
    """What a trade holds once every entry has filled."""
    return Holding(trade_id=trade.trade_id, bucket=trade.bucket, positions=_filled(trade))


def proposed_holding(proposal: Proposal, trade_id: str) -> Holding:
    """What a proposal would hold, under the id that it is to be shown by."""
    return Holding(trade_id=trade_id, bucket=proposal.bucket, positions=_filled(proposal))


def exposure_groups(view: MarketView, holdings: Sequence[Holding]) -> ExposureGroups:
    """Greeks of every group; holdings without positions are left out. One holding per trade id."""
    held = [holding for holding in holdings if holding.positions]
    every = [(position, holding) for holding in held for position in holding.positions]
    by_trade = _grouped(view, ((holding.trade_id, position) for position, holding in every))
    by_bucket = _grouped(view, ((holding.bucket, position) for position, holding in every))
    by_expiry = _grouped(view, ((position.contract.expiry, position) for position, _ in every))
    contracts = sorted({position.contract for position, _ in every})
    return ExposureGroups(
        portfolio=exposure_of(view, net_positions(position for position, _ in every)),
        by_trade=by_trade,
        by_bucket={bucket: by_bucket[bucket] for bucket in Bucket if bucket in by_bucket},
        by_expiry={expiry: by_expiry[expiry] for expiry in sorted(by_expiry)},
        missing=tuple(contract.symbol for contract in contracts if _lacks_greeks(view, contract)),
    )


def exposure_change(view: MarketView, holdings: Sequence[Holding], proposed: Holding) -> ExposureChange:
    """Groups without and with a proposed holding, which takes the place of one with the same trade id."""
    others = [holding for holding in holdings if holding.trade_id != proposed.trade_id]
    return ExposureChange(
        before=exposure_groups(view, holdings), after=exposure_groups(view, [*others, proposed])
    )


def net_positions(positions: Iterable[Position]) -> tuple[Position, ...]:
    """Net signed units per contract, zero ones left out, sorted by contract."""
    net: dict[OptionContract, int] = {}
    for position in positions:
        net[position.contract] = net.get(position.contract, 0) + position.quantity
    return tuple(Position(contract=contract, quantity=q) for contract, q in sorted(net.items()) if q)


def _filled(of: Trade | Proposal) -> tuple[Position, ...]:
    units = of.lots * of.lot_size
    return net_positions(Position(contract=leg.contract, quantity=leg.side.sign * units) for leg in of.legs)


def _grouped(view: MarketView, keyed: Iterable[tuple[KeyT, Position]]) -> dict[KeyT, Exposure | None]:
    groups: dict[KeyT, list[Position]] = {}
    for key, position in keyed:
        groups.setdefault(key, []).append(position)
    return {key: exposure_of(view, net_positions(positions)) for key, positions in groups.items()}


def _lacks_greeks(view: MarketView, contract: OptionContract) -> bool:
    return exposure_of(view, [Position(contract=contract, quantity=1)]) is None
