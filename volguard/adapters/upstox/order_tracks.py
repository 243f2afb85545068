"""What is known of our orders at the broker, and which words and fills of it may be told to the engine.

Pure: what was sent, answered, read and heard goes in; events come out, each once, in an order that the order
machine takes: OPEN first, then fills by their own ids, the end only after the last of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from volguard.adapters.upstox.order_words import Recency, recency_of
from volguard.model.broker import BrokerOrder, BrokerTrade, InstrumentKey
from volguard.model.event import OrderAbsent, OrderFilled, OrderUpdated
from volguard.model.order import OrderRequest, OrderState

EARLY_IMAGES_MAX: Final = 1000  # of orders whose tag the stream left out and whose number is not known yet
LEAVING: Final = "cancel pending"


@dataclass(slots=True, kw_only=True)
class Track:
    """One of our orders from its sending to its end; what is told of it changes in `OrderTracks` alone.

    `told` is the last word given to the engine, None before the first.
    """

    request: OrderRequest
    key: InstrumentKey
    sent_at: datetime
    told: OrderState | None = None
    order_ids: list[str] = field(default_factory=list)
    images: dict[str, BrokerOrder] = field(default_factory=dict)
    trade_ids: set[str] = field(default_factory=set)
    filled: dict[str, int] = field(default_factory=dict)  # units told as fills, by order id
    filled_before: int = 0  # units that were booked before a restart
    wants_cancel: bool = False
    cancel_tries: int = 0
    cancel_again_at: datetime | None = None

    @property
    def filled_quantity(self) -> int:
        """Units told as fills so far."""
        return self.filled_before + sum(self.filled.values())

    @property
    def is_lost(self) -> bool:
        """It was sent, and nobody knows whether the broker took it."""
        return self.told is OrderState.UNKNOWN and not self.order_ids

    @property
    def is_over(self) -> bool:
        """Its end was told, or every unit was."""
        ended = self.told in (OrderState.CANCELLED, OrderState.REJECTED)
        return ended or self.filled_quantity >= self.request.quantity

    @property
    def live_ids(self) -> tuple[str, ...]:
        """Numbers under which it may still fill."""
        return tuple(order_id for order_id in self.order_ids if not self._has_ended(order_id))

    @property
    def is_leaving(self) -> bool:
        """The broker is taking off all that lives of it."""
        words = [self.images[order_id].word for order_id in self.live_ids if order_id in self.images]
        return bool(words) and len(words) == len(self.live_ids) and set(words) == {LEAVING}

    @property
    def untold_ids(self) -> tuple[str, ...]:
        """Numbers of which the broker has filled more than was told: their trades must be read."""
        return tuple(
            order_id
            for order_id, image in self.images.items()
            if image.filled_quantity > self.filled.get(order_id, 0) + self._before(order_id)
        )

    def _before(self, order_id: str) -> int:
        return self.filled_before if self.order_ids[:1] == [order_id] else 0

    def _has_ended(self, order_id: str) -> bool:
        image = self.images.get(order_id)
        return image is not None and image.state is not None and image.state.is_final


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    # An event to be told; never before `not_before`, the moment of the decision that it answers.
    event: OrderUpdated | OrderFilled | OrderAbsent
    not_before: datetime


class OrderTracks:
    """All orders of this session by our tag; times are given by the caller."""

    def __init__(self) -> None:
        self._tracks: dict[str, Track] = {}
        self._by_id: dict[str, Track] = {}
        self._early: dict[str, BrokerOrder] = {}
        self._words: list[_Word] = []
        self._told_until: datetime | None = None

    def __iter__(self) -> Iterator[Track]:
        return iter(tuple(self._tracks.values()))

    def get(self, tag: str) -> Track | None:
        """The track of a tag, None when it was never sent from here."""
        return self._tracks.get(tag)

    # --- what we did ------------------------------------------------------------------------------

    def begin(self, request: OrderRequest, key: InstrumentKey, at: datetime) -> Track:
        """An order is about to be sent."""
        track = Track(request=request, key=key, sent_at=at)
        self._tracks[request.tag] = track
        return track

    def resume(self, track: Track) -> None:
        """An order of before a restart."""
        self._tracks[track.request.tag] = track
        for order_id in track.order_ids:
            self._by_id[order_id] = track

    def refuse(self, tag: str, at: datetime, reason: str, *, now: datetime) -> None:
        """Tell that nothing was sent, whatever else is known of the tag."""
        self._tell(tag, at, OrderState.REJECTED, 0, None, reason, now)

    # --- what the broker answered -----------------------------------------------------------------

    def accepted(self, tag: str, order_ids: Iterable[str], now: datetime) -> None:
        """The broker took it under these numbers."""
        track = self._tracks[tag]
        for order_id in order_ids:
            self._adopt(track, order_id)
        self._settle(track, now)

    def rejected(self, tag: str, reason: str, now: datetime) -> None:
        """It is proven that the broker did not take it."""
        track = self._tracks[tag]
        if track.told is None and not track.order_ids:
            self._say(track, OrderState.REJECTED, now, reason)

    def unknown(self, tag: str, reason: str, now: datetime) -> None:
        """Nobody knows whether the broker took it; nothing new where the stream has shown it already."""
        track = self._tracks[tag]
        if track.told is None and not track.order_ids:
            self._say(track, OrderState.UNKNOWN, now, reason)

    def works_on(self, tag: str, reason: str, now: datetime) -> None:
        """It lives as it did before, and it is worth saying why: a change of price that did not happen."""
        track = self._tracks[tag]
        if not track.is_over and track.told is OrderState.OPEN:
            self._say(track, OrderState.OPEN, now, reason)

    def stands(self, tag: str, now: datetime) -> None:
        """Tell how an order stands, once more: somebody asked, and its number is known."""
        track = self._tracks[tag]
        if track.told in (OrderState.CANCELLED, OrderState.REJECTED, OrderState.OPEN):
            state = OrderState.FILLED if track.filled_quantity >= track.request.quantity else track.told
            self._tell(tag, track.sent_at, state, track.filled_quantity, track.order_ids[0], "", now)

    # --- what was read and heard ------------------------------------------------------------------

    def saw(self, image: BrokerOrder, now: datetime) -> None:
        """An order as book, history or stream has it; doubled, late and foreign ones change nothing."""
        track = self._by_id.get(image.order_id) or self._by_tag(image)
        if track is None:
            if image.tag is None:
                self._keep_early(image)
            return
        self._adopt(track, image.order_id)
        self._renew(track, image)
        self._settle(track, now)

    def absent(self, tag: str, now: datetime) -> None:
        """The broker was asked for a tag and had nothing; it means nothing where its number is known."""
        track = self._tracks.get(tag)
        if track is not None and track.order_ids:
            return
        word = OrderAbsent(ts=now, tag=tag)
        self._words.append(_Word(event=word, not_before=now if track is None else track.sent_at))

    def traded(self, track: Track, trades: Iterable[BrokerTrade], now: datetime) -> None:
        """Executions of an order; those that were told already change nothing."""
        for trade in trades:
            if trade.trade_id in track.trade_ids or trade.order_id not in track.order_ids:
                continue
            track.trade_ids.add(trade.trade_id)
            track.filled[trade.order_id] = track.filled.get(trade.order_id, 0) + trade.quantity
            fill = OrderFilled(
                ts=trade.traded_at or now,
                tag=track.request.tag,
                fill_id=trade.trade_id,
                quantity=trade.quantity,
                price=trade.price,
            )
            self._words.append(_Word(event=fill, not_before=track.sent_at))
        self._settle(track, now)

    # --- what is told -----------------------------------------------------------------------------

    def drain(self, until: datetime) -> Iterator[OrderUpdated | OrderFilled | OrderAbsent]:
        """Events up to a moment, each once, their times never going back."""
        waiting = [word for word in self._words if word.not_before > until]
        ready = [word for word in self._words if word.not_before <= until]
        self._words = waiting
        at = self._told_until
        for word in ready:
            at = min(until, max(word.event.ts, word.not_before, at or word.not_before))
            yield replace(word.event, ts=at)
        self._told_until = max(until, self._told_until or until)

    # --- inside -----------------------------------------------------------------------------------

    def _by_tag(self, image: BrokerOrder) -> Track | None:
        track = self._tracks.get(image.tag or "")
        if track is None or image.key != track.key or image.side is not track.request.side:
            return None
        return track

    def _keep_early(self, image: BrokerOrder) -> None:
        known = self._early.get(image.order_id)
        if known is None and len(self._early) >= EARLY_IMAGES_MAX:
            del self._early[next(iter(self._early))]
        if known is None or _recency(image) > _recency(known):
            self._early[image.order_id] = image

    def _adopt(self, track: Track, order_id: str) -> None:
        if order_id in track.order_ids:
            return
        track.order_ids.append(order_id)
        self._by_id[order_id] = track
        early = self._early.pop(order_id, None)
        if early is not None:
            self._renew(track, early)

    def _renew(self, track: Track, image: BrokerOrder) -> None:
        known = track.images.get(image.order_id)
        if known is None or _recency(image) > _recency(known):
            track.images[image.order_id] = image

    def _settle(self, track: Track, now: datetime) -> None:
        end = self._end_of(track)
        is_first, reason = track.told in (None, OrderState.UNKNOWN) and bool(track.order_ids), ""
        if track.told is OrderState.REJECTED and track.live_ids:
            # A proven no that was none: nobody counts on this order, so off with it.
            is_first, reason, track.wants_cancel = True, "it lives after a refusal", True
        if is_first and (end is None or track.filled or track.untold_ids):
            self._say(track, OrderState.OPEN, now, reason)
        if end is not None and not track.is_over and not track.untold_ids:
            self._say(track, end, now, _message(track.images.values()))

    def _end_of(self, track: Track) -> OrderState | None:
        # How it ended, once every number of it has; an end with fills is a cancel of the rest.
        if not track.order_ids or track.live_ids:
            return None
        states = {image.state for image in track.images.values()}
        filled = sum(image.filled_quantity for image in track.images.values())
        return OrderState.REJECTED if states == {OrderState.REJECTED} and not filled else OrderState.CANCELLED

    def _say(self, track: Track, state: OrderState, now: datetime, reason: str) -> None:
        track.told = state
        first_id = track.order_ids[0] if track.order_ids else None
        self._tell(track.request.tag, track.sent_at, state, track.filled_quantity, first_id, reason, now)

    def _tell(
        self,
        tag: str,
        not_before: datetime,
        state: OrderState,
        filled: int,
        order_id: str | None,
        reason: str,
        now: datetime,
    ) -> None:
        update = OrderUpdated(
            ts=now, tag=tag, state=state, filled_quantity=filled, broker_order_id=order_id, reason=reason
        )
        self._words.append(_Word(event=update, not_before=not_before))


def _recency(image: BrokerOrder) -> Recency:
    return recency_of(image.word, filled_quantity=image.filled_quantity, request_number=image.request_number)


def _message(images: Collection[BrokerOrder]) -> str:
    return "; ".join(dict.fromkeys(image.message for image in images if image.message))
