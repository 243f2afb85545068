"""Orders on their way out: each approval used once, each order sent once, each answer given its meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from threading import RLock
from typing import Final

from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.limiter import Priority
from volguard.adapters.upstox.order_reader import OrderReader, Pace
from volguard.adapters.upstox.order_tracks import OrderTracks, Track
from volguard.adapters.upstox.wire import data_of, whole_of
from volguard.adapters.upstox.wire_errors import class_of_line
from volguard.adapters.upstox.wire_order_bodies import (
    cancel_query,
    modify_body,
    multi_body,
    place_body,
)
from volguard.adapters.upstox.wire_orders import LineOutcome, MultiPlaced, OrderIds, outcomes_of
from volguard.model.broker import ErrorClass, InstrumentKey
from volguard.model.decision import Approved
from volguard.model.errors import InvariantBroken
from volguard.model.instrument import OptionContract
from volguard.model.order import OrderRequest, Purpose

GONE_CODES: Final = ("UDAPI100010", "UDAPI100040", "UDAPI100041")  # not known, or finished already
CANCEL_PACE_MAX_S: Final = 30.0

KeyOf = Callable[[OptionContract], InstrumentKey | None]


class OrderWriter:
    """Sends orders, changes and cancels; what came of them goes to the tracks."""

    def __init__(
        self,
        client: UpstoxClient,
        tracks: OrderTracks,
        reader: OrderReader,
        *,
        key_of: KeyOf,
        lock: RLock,
        now: Callable[[], datetime],
        pace: Pace,
    ) -> None:
        self._client = client
        self._tracks = tracks
        self._reader = reader
        self._key_of = key_of
        self._lock = lock
        self._time_of = now
        self._pace = pace
        self._used: set[tuple[str, int]] = set()

    def place(self, approved: Approved) -> None:
        """Send one order, once."""
        track = self._begin(approved)
        if track is None:
            return
        tag = track.request.tag
        try:
            reply = self._client.call(
                endpoints.PLACE,
                body=place_body(track.request, track.key),
                priority=_priority(track.request),
                patience_s=self._patience_s(approved),
            )
            order_ids = data_of(reply.content, OrderIds, endpoints.PLACE).order_ids
        except ApiFailure as failure:
            self._failed(tag, failure)
        except InvariantBroken as broken:
            self._rejected(tag, f"{broken.message}; nothing was sent")
        else:
            self._accepted(tag, order_ids)

    def place_many(self, approvals: Sequence[Approved]) -> None:
        """Send orders of one side and purpose, as many in a request as broker and rate budget take.

        Raises ValueError on a mixture: the broker does the lines of a request in an order of its own. Once
        the outcome of a request is open, no further one that adds risk is sent.
        """
        kinds = {(approved.request.side, approved.request.purpose) for approved in approvals}
        if len(kinds) > 1:
            raise ValueError(
                f"{len(approvals)} orders of {len(kinds)} kinds, must be of one side and purpose"
            )
        begun = [(track, approved) for approved in approvals if (track := self._begin(approved)) is not None]
        for part in self._portions(begun):
            is_unclear = any(track.is_lost for track, _ in begun)
            if is_unclear and _priority_of(part) is not Priority.EXIT:
                for track, _ in part:
                    self._rejected(track.request.tag, "nothing was sent: an order before it is unknown")
            else:
                self._place_part(part)

    def modify(self, track: Track, approved: Approved) -> None:
        """Re-price an order under each of its numbers that lives; one on its way out is left alone."""
        if self._refusal(approved) or track.wants_cancel:
            return
        tag, price = track.request.tag, approved.request.limit_price
        for order_id in track.live_ids:
            image = track.images.get(order_id)
            # The broker wants the total, filled units included; the approval is for what is still open.
            quantity = track.request.quantity if image is None else image.quantity
            try:
                self._client.call(
                    endpoints.MODIFY,
                    body=modify_body(order_id, quantity=quantity, limit_price=price),
                    priority=_priority(track.request),
                    patience_s=self._patience_s(approved),
                )
            except (ApiFailure, InvariantBroken) as error:
                self._not_modified(tag, error)

    def cancel(self, track: Track, at: datetime) -> None:
        """Ask for the end of an order under each of its numbers; asked again later while it still lives."""
        if not track.live_ids:
            return
        has_failed = False
        for order_id in track.live_ids:
            try:
                self._client.call(
                    endpoints.CANCEL,
                    query=cancel_query(order_id),
                    priority=Priority.EXIT,
                    patience_s=self._pace.write_patience_s,
                )
            except (ApiFailure, InvariantBroken):
                has_failed = True
                self._reader.refresh()  # finished, unknown or not heard: its status says which
        # To take an order off twice does no harm, to leave it does: a first failure is mended at once.
        wait_s = min(self._pace.lost_s * 2**track.cancel_tries, CANCEL_PACE_MAX_S)
        is_at_once = has_failed and not track.cancel_tries
        track.cancel_again_at = at if is_at_once else at + timedelta(seconds=wait_s)
        track.cancel_tries += 1

    def cancels_due(self, until: datetime, *, forced: bool = False) -> list[Track]:
        """Orders that are to end, live under a number, do not leave, and were last asked long enough ago."""
        with self._lock:
            return [
                track
                for track in self._tracks
                if track.wants_cancel
                and not track.is_over
                and track.live_ids
                and not track.is_leaving
                and (forced or track.cancel_again_at is None or track.cancel_again_at <= until)
            ]

    # --- before an order leaves -------------------------------------------------------------------

    def _begin(self, approved: Approved) -> Track | None:
        # The track of an order that may leave; None, and the refusal told, for one that may not.
        request = approved.request
        with self._lock:
            reason = self._refusal(approved)
            if not reason and self._tracks.get(request.tag) is not None:
                reason = "an order with this tag was sent already"
            key = None if reason else self._key_of(request.contract)
            if key is not None:
                return self._tracks.begin(request, key, approved.approved_at)
            reason = reason or f"the broker does not list {request.contract.symbol}"
            self._tracks.refuse(
                request.tag, approved.approved_at, f"{reason}; nothing was sent", now=self._time_of()
            )
            return None

    def _refusal(self, approved: Approved) -> str:
        request, use = approved.request, (approved.request.tag, approved.review_sequence)
        if use in self._used:
            return "this approval was used already"
        self._used.add(use)
        if self._time_of() > approved.valid_until:
            return f"the approval expired at {approved.valid_until.isoformat()}"
        if request.side.sign * (request.limit_price - approved.worst_price) > 0:
            return f"the limit price was {request.limit_price}, approved up to {approved.worst_price}"
        return ""

    def _patience_s(self, approved: Approved) -> float:
        left_s = (approved.valid_until - self._time_of()).total_seconds()
        return max(0.0, min(self._pace.write_patience_s, left_s))

    # --- what came of it --------------------------------------------------------------------------

    def _failed(self, tag: str, failure: ApiFailure) -> None:
        if not failure.is_outcome_open:
            self._rejected(tag, failure.message)
            return
        with self._lock:
            self._tracks.unknown(tag, failure.message, self._time_of())

    def _rejected(self, tag: str, reason: str) -> None:
        with self._lock:
            self._tracks.rejected(tag, reason, self._time_of())

    def _accepted(self, tag: str, order_ids: Sequence[str]) -> None:
        with self._lock:
            self._tracks.accepted(tag, order_ids, self._time_of())

    def _not_modified(self, tag: str, error: ApiFailure | InvariantBroken) -> None:
        self._reader.refresh()
        is_open = isinstance(error, ApiFailure) and error.is_outcome_open
        is_gone = isinstance(error, ApiFailure) and error.code in GONE_CODES
        if not is_open and not is_gone:
            with self._lock:
                self._tracks.works_on(tag, f"not modified: {error.message}", self._time_of())

    # --- many in one request ----------------------------------------------------------------------

    def _portions(self, begun: list[tuple[Track, Approved]]) -> Iterator[list[tuple[Track, Approved]]]:
        most = self._client.settings.multi_lines_max
        fits = self._client.limiter.lines_max(endpoints.MULTI_PLACE, _priority_of(begun))
        size = most if fits is None else min(most, fits)
        for start in range(0, len(begun), size):
            yield begun[start : start + size]

    def _place_part(self, part: list[tuple[Track, Approved]]) -> None:
        try:
            lines = multi_body([(track.request, track.key) for track, _ in part])
            reply = self._client.call(
                endpoints.MULTI_PLACE,
                body=lines,
                priority=_priority_of(part),
                lines=len(lines),
                patience_s=min(self._patience_s(approved) for _, approved in part),
            )
            outcomes = outcomes_of(whole_of(reply.content, MultiPlaced, endpoints.MULTI_PLACE), lines)
        except ApiFailure as failure:
            for track, _ in part:
                self._failed(track.request.tag, failure)
        except InvariantBroken as broken:
            for track, _ in part:
                self._rejected(track.request.tag, f"{broken.message}; nothing was sent")
        else:
            for line, (track, _) in zip(lines, part, strict=True):
                self._heard_of_line(track.request.tag, outcomes[line.correlation_id])

    def _heard_of_line(self, tag: str, outcome: LineOutcome) -> None:
        error = outcome.error
        if outcome.order_ids:
            self._accepted(tag, outcome.order_ids)
        elif error is not None and class_of_line(error) is not ErrorClass.SERVER:
            self._rejected(tag, f"multi_place: {error.code}: {error.message}")
        else:
            text = "no word of this line" if error is None else f"{error.code}: {error.message}"
            with self._lock:
                self._tracks.unknown(tag, f"multi_place: {text}", self._time_of())


def _priority(request: OrderRequest) -> Priority:
    return Priority.EXIT if request.purpose is Purpose.CLOSE else Priority.NORMAL


def _priority_of(orders: Sequence[tuple[Track, Approved]]) -> Priority:
    is_exit = all(track.request.purpose is Purpose.CLOSE for track, _ in orders)
    return Priority.EXIT if is_exit else Priority.NORMAL
