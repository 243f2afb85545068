"""A flatten's own orders: placed once each after review, climbing their ladder, sought when they are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from volguard.adapters.upstox.broker import UpstoxBroker
from volguard.adapters.upstox.order_tracks import Track
from volguard.execution.flatten import (
    RUNGS_MAX,
    Basis,
    ContractTerms,
    Exit,
    Sight,
    exit_price,
    exits_now,
    priced,
)
from volguard.execution.settings import ExecutionSettings
from volguard.measure.broker_net import OUR_PRODUCT, BrokerEvidence, DoubtfulOrder, Holding, holdings
from volguard.model.broker import InstrumentKey
from volguard.model.decision import Approved, Refused
from volguard.model.event import OrderAbsent, OrderFilled, OrderUpdated
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import OrderRequest, OrderState, Purpose, Urgency
from volguard.model.units import tick_above, tick_below
from volguard.operations.flatten_edge import FlattenEdge, mids_of
from volguard.operations.flatten_record import FlattenRecord
from volguard.risk.flatten_checks import FlattenInputs
from volguard.risk.review import review_flatten

VALID_FOR: Final = timedelta(seconds=4)  # of an approval: a burst of orders waits for the rate budget
ABSENCES_MIN: Final = 2
FAILURES_TO_SWITCH: Final = 2  # refusals in a row after which the other way of placing is tried, and back
PAUSE_MAX_S: Final = 5.0  # between two attempts at a contract whose orders are refused
REST_AT_BAND_S: Final = 5.0  # between two prices once the ladder is at its end
PAID_SHARE_ALERTED: Final = Decimal("0.05")


@dataclass(slots=True, kw_only=True)
class Sent:
    """One order that left, with what only we know of it."""

    request: OrderRequest
    key: InstrumentKey
    rung: int
    priced_at: datetime
    basis: Basis
    arrival_mid: Decimal | None
    absences: int = 0
    asked_at: datetime | None = None
    is_absent: bool = False
    is_counted: bool = False  # its end was counted as a failure of its contract
    asked_price: Decimal | None = None  # of a change whose effect the book has not shown yet
    refused_price: Decimal | None = None  # the exchange's band is narrower than ours: it would not take this


@dataclass(slots=True, kw_only=True)
class Trouble:
    """Orders in one contract that came to nothing, in a row."""

    refusals: int = 0
    reason: str = ""
    again_at: datetime | None = None


@dataclass(slots=True)
class OwnOrders:
    """Places, re-prices and seeks; counts every order that is not proven gone as one that may fill."""

    edge: FlattenEdge
    broker: UpstoxBroker
    settings: ExecutionSettings
    record: FlattenRecord
    session: str
    sent: dict[str, Sent] = field(default_factory=dict)
    troubles: dict[InstrumentKey, Trouble] = field(default_factory=dict)
    rungs: dict[InstrumentKey, int] = field(default_factory=dict)
    attempts: dict[InstrumentKey, int] = field(default_factory=dict)
    refused_in_row: int = 0
    paid_inr: Decimal = Decimal(0)  # beyond the mid at arrival, of fills whose mid was known
    reviews: int = 0

    # --- what became of them ----------------------------------------------------------------------

    def hear(self) -> None:
        """Take in words and fills; what is lost is asked for."""
        now = self._now()
        for answer in self.broker.due(now):
            match answer:
                case OrderFilled():
                    self._filled(answer)
                case OrderAbsent():
                    self._absent(answer)
                case OrderUpdated():
                    self._updated(answer)
        self._count_ends()

    def seek(self) -> None:
        """Ask for orders of unknown outcome, no faster than an absence may be believed."""
        now = self._now()
        delay = timedelta(seconds=self.settings.absence_delay_s)
        for tag, one in self.sent.items():
            track = self.broker.tracks.get(tag)
            is_lost = track is not None and track.is_lost and not one.is_absent
            if is_lost and (one.asked_at is None or now - one.asked_at >= delay):
                one.asked_at = now
                self.broker.query(tag, now)

    def in_doubt(self) -> tuple[DoubtfulOrder, ...]:
        """Orders that may fill as far as we know; those that the book shows are counted by the book."""
        found = []
        for tag, one in self.sent.items():
            track = self.broker.tracks.get(tag)
            if track is None or track.is_over or one.is_absent:
                continue
            found.append(
                DoubtfulOrder(
                    tag=tag,
                    key=one.key,
                    product=OUR_PRODUCT,
                    side=one.request.side,
                    quantity=one.request.quantity,
                )
            )
        return tuple(found)

    def lives(self, tag: str | None) -> bool:
        """Whether an order of this tag is ours and may still fill."""
        track = self.broker.tracks.get(tag or "")
        return tag in self.sent and track is not None and not track.is_over

    # --- placing ----------------------------------------------------------------------------------

    def close(
        self,
        evidence: BrokerEvidence,
        terms: Mapping[InstrumentKey, ContractTerms],
        sights: Mapping[InstrumentKey, Sight],
    ) -> BrokerEvidence:
        """Send what may be closed now; gives the evidence with what was sent as on its way."""
        for wanted in exits_now(evidence, terms):
            if not self._is_turn(wanted.holding.key):
                continue
            evidence = self._place_exit(wanted, evidence, terms[wanted.holding.key], sights)
        return evidence

    def climb(
        self,
        evidence: BrokerEvidence,
        terms: Mapping[InstrumentKey, ContractTerms],
        sights: Mapping[InstrumentKey, Sight],
    ) -> None:
        """Move orders that rest unfilled one rung on, once their patience is over."""
        held = {one.key: one for one in holdings(evidence.positions) if one.product == OUR_PRODUCT}
        for tag, one in self.sent.items():
            track, holding = self.broker.tracks.get(tag), held.get(one.key)
            if track is None or holding is None or not _rests(track) or one.key not in terms:
                continue
            at_end = one.rung >= RUNGS_MAX
            patience_s = REST_AT_BAND_S if at_end else self.settings.patience_high_s
            if (self._now() - one.priced_at).total_seconds() >= patience_s:
                self._reprice(one, track, evidence, terms[one.key], sights.get(one.key))

    # --- inside -----------------------------------------------------------------------------------

    def _place_exit(
        self,
        wanted: Exit,
        evidence: BrokerEvidence,
        terms: ContractTerms,
        sights: Mapping[InstrumentKey, Sight],
    ) -> BrokerEvidence:
        holding, key = wanted.holding, wanted.holding.key
        if holding.contract is None or not wanted.slices:
            return evidence
        found = priced(holding.contract, holding.closing_side, sights.get(key))
        rung = self.rungs.get(key, 0)
        at = (
            exit_price(found, holding.closing_side, rung=rung, tick=terms.tick, settings=self.settings)
            if found is not None
            else None
        )
        if found is None or at is None:
            self._refused(key, "nobody quotes it and no last price is known")
            return evidence
        self.attempts[key] = attempt = self.attempts.get(key, 0) + 1
        for number, quantity in enumerate(wanted.slices, 1):
            request = OrderRequest(
                tag=f"{self.session}-{key.partition('|')[2]}-{number}-{attempt}",
                trade_id=self.session,
                contract=holding.contract,
                side=holding.closing_side,
                quantity=quantity,
                limit_price=at[0],
                purpose=Purpose.CLOSE,
                urgency=Urgency.HIGH,
            )
            inputs = self._inputs(request, key, evidence, terms, replaces=False)
            verdict = review_flatten(replace(inputs, quote=found.quote, band=at[1]))
            if isinstance(verdict, Refused):
                self._say_refused(request, verdict)
                self._refused(key, verdict.text)
                return evidence
            one = Sent(
                request=request,
                key=key,
                rung=rung,
                priced_at=inputs.now,
                basis=found.basis,
                arrival_mid=mids_of(sights).get(key),
            )
            self._send(one, verdict)
            evidence = replace(evidence, in_doubt=(*evidence.in_doubt, _doubt(one)))
        return evidence

    def _send(self, one: Sent, approved: Approved) -> None:
        request = one.request
        self.sent[request.tag] = one
        by_batch = self.refused_in_row // FAILURES_TO_SWITCH % 2 == 1
        self.record.tell(
            "OrderSent",
            {
                "tag": request.tag,
                "contract": request.contract,
                "key": one.key,
                "side": request.side,
                "quantity": request.quantity,
                "limit_price": str(request.limit_price),
                "basis": one.basis,
                "quote_digest": approved.quote_digest,
                "by": "multi_place" if by_batch else "place",
            },
            f"{request.side} {request.quantity} {request.contract.symbol} at {request.limit_price}"
            + ("" if one.basis is Basis.TOUCH else f" (measured from the {one.basis})"),
        )
        if by_batch:
            self.broker.multi_place([approved])
        else:
            self.broker.place(approved)
        track = self.broker.tracks.get(request.tag)
        if track is None or (track.told is OrderState.REJECTED and not track.order_ids) or track.is_lost:
            self.refused_in_row += 1
        else:
            self.refused_in_row = 0

    def _reprice(
        self, one: Sent, track: Track, evidence: BrokerEvidence, terms: ContractTerms, sight: Sight | None
    ) -> None:
        contract, side = one.request.contract, one.request.side
        found = priced(contract, side, sight)
        rung = min(one.rung + 1, RUNGS_MAX)
        at = (
            exit_price(found, side, rung=rung, tick=terms.tick, settings=self.settings)
            if found is not None
            else None
        )
        one.priced_at = self._now()
        live = [track.images[order_id] for order_id in track.live_ids if order_id in track.images]
        open_units = sum(max(0, image.quantity - image.filled_quantity) for image in live)
        if found is None or at is None or not open_units:
            return
        resting = live[-1].limit_price
        if one.asked_price is not None and one.asked_price != resting:
            one.refused_price = one.asked_price
        wanted = _within_reach(at[0], resting, one.refused_price, side, terms.tick)
        one.rung = self.rungs[one.key] = rung
        one.asked_price = None
        if side.sign * (wanted - resting) <= 0:
            return
        request = replace(one.request, limit_price=wanted, quantity=open_units)
        inputs = self._inputs(request, one.key, evidence, terms, replaces=True)
        verdict = review_flatten(replace(inputs, quote=found.quote, band=at[1]))
        if isinstance(verdict, Refused):
            self._say_refused(request, verdict)
            return
        self.record.tell(
            "OrderRepriced",
            {"tag": request.tag, "limit_price": str(wanted), "rung": rung, "basis": found.basis},
        )
        one.asked_price = wanted
        one.basis = found.basis
        self.broker.modify(verdict)

    def _inputs(
        self,
        request: OrderRequest,
        key: InstrumentKey,
        evidence: BrokerEvidence,
        terms: ContractTerms,
        *,
        replaces: bool,
    ) -> FlattenInputs:
        now = self._now()
        self.reviews += 1
        return FlattenInputs(
            now=now,
            valid_until=now + VALID_FOR,
            review_sequence=self.reviews,
            request=request,
            key=key,
            replaces=replaces,
            evidence=evidence,
            lot_size=terms.lot_size,
            freeze_quantity=terms.freeze_quantity,
            tick=terms.tick,
            band=None,
            quote=None,
        )

    def _filled(self, fill: OrderFilled) -> None:
        one = self.sent.get(fill.tag)
        if one is None:
            return
        side, mid = one.request.side, one.arrival_mid
        beyond = None if mid is None else side.sign * (fill.price - mid)
        if beyond is not None:
            self.paid_inr += beyond * fill.quantity
        self.troubles.pop(one.key, None)
        self.record.tell(
            "OrderFilled",
            {
                "tag": fill.tag,
                "fill_id": fill.fill_id,
                "quantity": fill.quantity,
                "price": str(fill.price),
                "beyond_mid": None if beyond is None else str(beyond),
            },
            f"filled: {side} {fill.quantity} {one.request.contract.symbol} at {fill.price}",
        )
        if mid is not None and beyond is not None and beyond > PAID_SHARE_ALERTED * mid:
            self.record.say(f"paid {beyond} beyond the mid of {mid} for {one.request.contract.symbol}")

    def _absent(self, word: OrderAbsent) -> None:
        one = self.sent.get(word.tag)
        if one is None:
            return
        one.absences += 1
        one.is_absent = one.absences >= ABSENCES_MIN
        self.record.tell(
            "OrderAbsent",
            {"tag": word.tag, "readings": one.absences},
            f"the broker has no order {word.tag}: reading {one.absences} of {ABSENCES_MIN}",
        )
        if one.is_absent:
            self._refused(one.key, "its order did not arrive")

    def _updated(self, word: OrderUpdated) -> None:
        self.record.tell(
            "OrderUpdated",
            {
                "tag": word.tag,
                "state": word.state,
                "filled_quantity": word.filled_quantity,
                "order_id": word.broker_order_id,
                "reason": word.reason,
            },
            f"{word.tag}: {word.state} ({word.reason})" if word.reason else "",
        )

    def _count_ends(self) -> None:
        # An end without its fills is a failure of the contract, once.
        for tag, one in self.sent.items():
            track = self.broker.tracks.get(tag)
            if track is None or one.is_counted or not track.is_over:
                continue
            one.is_counted = True
            if track.told is OrderState.REJECTED:
                messages = [image.message for image in track.images.values() if image.message]
                self._refused(one.key, messages[-1] if messages else "the order was refused")

    def _refused(self, key: InstrumentKey, reason: str) -> None:
        trouble = self.troubles.setdefault(key, Trouble())
        trouble.refusals += 1
        trouble.reason = reason
        pause_s = min(2.0 ** (trouble.refusals - 1), PAUSE_MAX_S)
        trouble.again_at = self._now() + timedelta(seconds=pause_s)

    def _say_refused(self, request: OrderRequest, refused: Refused) -> None:
        self.record.tell(
            "OrderRefused",
            {"tag": request.tag, "reasons": [breach.text for breach in refused.breaches]},
            f"not sent: {request.side} {request.quantity} {request.contract.symbol}: {refused.text}",
        )

    def _is_turn(self, key: InstrumentKey) -> bool:
        trouble = self.troubles.get(key)
        return trouble is None or trouble.again_at is None or self._now() >= trouble.again_at

    def _now(self) -> datetime:
        read_clock = self.edge.now
        return read_clock()


def resting_of(contract: OptionContract, side: Side, sent: Mapping[str, Sent]) -> tuple[Sent, ...]:
    """Our orders in a contract, newest last."""
    return tuple(
        one for one in sent.values() if one.request.contract == contract and one.request.side is side
    )


def unfilled_reason(own: OwnOrders, holding: Holding) -> str:
    """Why a position that orders could close is still there, as far as its own orders tell."""
    if holding.contract is None:
        return ""
    living = [
        one
        for one in resting_of(holding.contract, holding.closing_side, own.sent)
        if own.lives(one.request.tag)
    ]
    if living:
        newest = living[-1]
        track = own.broker.tracks.get(newest.request.tag)
        if track is not None and track.is_lost:
            return f"whether order {newest.request.tag} arrived is not known"
        images = () if track is None else tuple(track.images.values())
        price = images[-1].limit_price if images else newest.request.limit_price
        return f"an order rests at {price} and does not fill"
    trouble = own.troubles.get(holding.key)
    return trouble.reason if trouble is not None else ""


# Half the way to a price that was refused: the exchange measures its band from a price of its own.
def _within_reach(
    wanted: Decimal, resting: Decimal, refused: Decimal | None, side: Side, tick: Decimal
) -> Decimal:
    if refused is None or side.sign * (refused - resting) <= 0 or side.sign * (wanted - refused) < 0:
        return wanted
    halfway = float(resting + refused) / 2.0
    return tick_below(halfway, tick) if side is Side.BUY else tick_above(halfway, tick)


def _rests(track: Track) -> bool:
    return track.told is OrderState.OPEN and bool(track.live_ids) and not track.is_leaving


def _doubt(one: Sent) -> DoubtfulOrder:
    request = one.request
    return DoubtfulOrder(
        tag=request.tag, key=one.key, product=OUR_PRODUCT, side=request.side, quantity=request.quantity
    )
