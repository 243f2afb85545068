"""The market feed without a socket: what a client is told, when, and what is ignored in silence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.adapters.upstox.test_feed_schema import independent
from tests.fakes import FakeMarket, simulated
from tests.simulator.upstox_server.serving import at, make_core
from volguard.adapters.upstox.feed_schema import FrameType, MarketStatus, RequestMode
from volguard.adapters.upstox.times import ms_of
from volguard.model.market import COLUMNS, ChainSnapshot
from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.feeds import FeedClient, MarketFeed
from volguard.simulator.upstox_server.frames import FRAME_BYTES_MAX
from volguard.simulator.upstox_server.options import Caps, StreamCap
from volguard.simulator.upstox_server.server import LookAlike
from volguard.simulator.upstox_server.subscriptions import Mode, Subscriptions, caps_of

INDEX, VIX = "NSE_INDEX|Nifty 50", "NSE_INDEX|India VIX"
CAPS = {
    Mode.LTPC: StreamCap(alone=4, combined=3),
    Mode.FULL: StreamCap(alone=3, combined=2),
    Mode.OPTION_GREEKS: StreamCap(alone=3, combined=2),
}


@cache
def shots() -> tuple[ChainSnapshot, ...]:
    """Four snapshots, five minutes apart, from the open on."""
    return simulated(cadence_s=300.0, stop=4).market.shots


class Scene:
    """A look-alike on a clock that the test moves, its feed, and one client."""

    def __init__(self, *seen: ChainSnapshot, **options: Any) -> None:
        given = seen or shots()
        market = FakeMarket(info=simulated(cadence_s=300.0, stop=4).market.info, shots=given)
        self.clock = VirtualClock(at("09:14:00"))
        self.core: LookAlike = make_core(self.clock, market=market, **options)
        levels = (INDEX, VIX)
        self.feed = MarketFeed(
            self.core.board,
            caps=caps_of(self.core.options),
            exists=lambda key: key in levels or self.core.instruments.of_key(key) is not None,
            statuses=self.core.segment_status,
            now=self.clock.now,
        )
        self.client: FeedClient = self.feed.join()

    def move(self, clock_time: str) -> None:
        """Let time pass."""
        self.clock.set(at(clock_time))
        self.core.advance()
        self.feed.refresh()

    def send(self, method: str, *keys: str, mode: str | None = "full") -> list[Any]:
        """A request; the frames that answer it, decoded by a descriptor that is not ours."""
        return decoded(self.feed.take(self.client, request(method, keys, mode)))

    def news(self) -> list[Any]:
        """What the client has not been told yet."""
        return decoded(self.feed.news(self.client))

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the listing, in its order."""
        return self.core.board.keys

    def quoted_row(self) -> int:
        """A row that is quoted on both sides, traded, and has a volatility."""
        shot, greeks = self.core.board.snapshot, self.core.board.greeks()
        assert shot is not None and greeks is not None
        return int(np.flatnonzero((shot.bid > 0) & (shot.ask > 0) & (shot.ltp > 0) & (greeks.iv > 0))[0])


def request(method: str, keys: Iterable[str], mode: str | None = "full") -> bytes:
    data: dict[str, Any] = {"instrumentKeys": list(keys)}
    if mode is not None:
        data["mode"] = mode
    return json.dumps({"guid": "some-guid", "method": method, "data": data}).encode()


def decoded(frames: Iterable[bytes]) -> list[Any]:
    return [independent().FromString(frame) for frame in frames]


@pytest.fixture
def scene() -> Scene:
    """Five minutes into the session, the states of the segments already told."""
    made = Scene()
    made.move("09:20:00")
    made.news()
    return made


# --- states of segments ------------------------------------------------------------------------------


def test_the_first_frame_tells_how_the_segments_stand() -> None:
    """A client hears the state of every segment before anything else, and once."""
    scene = Scene()
    (frame,) = scene.news()
    assert frame.type == FrameType.market_info
    assert frame.currentTs == ms_of(at("09:14:00"))
    assert len(frame.marketInfo.segmentStatus) == 11
    assert frame.marketInfo.segmentStatus["NSE_FO"] == MarketStatus.PRE_OPEN_END
    assert scene.news() == []


def test_a_change_of_state_is_told(scene: Scene) -> None:
    """At the open and at the close the states are sent again."""
    scene.move("15:39:59")
    assert [frame.type for frame in scene.news()] == []
    scene.move("15:40:00")
    (frame,) = scene.news()
    assert frame.type == FrameType.market_info
    assert frame.marketInfo.segmentStatus["NSE_FO"] != MarketStatus.NORMAL_OPEN


# --- what is shown -----------------------------------------------------------------------------------


def test_full_mode_shows_what_the_board_shows(scene: Scene) -> None:
    """Touch, last trade, volume, open interest, volatility as a fraction, Greeks: as REST has them."""
    row = scene.quoted_row()
    (frame,) = scene.send("sub", scene.keys[row])
    assert frame.type == FrameType.initial_feed and frame.currentTs == ms_of(at("09:20:00"))
    feed = frame.feeds[scene.keys[row]]
    assert feed.requestMode == RequestMode.full_d5
    full, shot, greeks = feed.fullFeed.marketFF, scene.core.board.snapshot, scene.core.board.greeks()
    assert shot is not None and greeks is not None
    touch = full.marketLevel.bidAskQuote[0]
    assert (touch.bidP, touch.bidQ) == (shot.bid[row], shot.bid_qty[row])
    assert (touch.askP, touch.askQ) == (shot.ask[row], shot.ask_qty[row])
    assert (full.ltpc.ltp, full.vtt, full.oi) == (shot.ltp[row], shot.volume[row], shot.oi[row])
    assert 0.0 < full.iv < 2.0 and full.iv == greeks.iv[row]
    assert full.optionGreeks.theta == greeks.theta[row] and full.optionGreeks.vega == greeks.vega[row]
    day, minute = full.marketOHLC.ohlc
    assert (day.interval, minute.interval) == ("1d", "I1")
    assert day.low <= full.ltpc.ltp <= day.high and day.vol == full.vtt
    assert (day.ts, minute.ts) == (ms_of(at("00:00:00")), ms_of(at("09:20:00")))


def test_depth_below_the_touch_is_not_made_up(scene: Scene) -> None:
    """Five levels are there, of which the market has one."""
    (frame,) = scene.send("sub", scene.keys[scene.quoted_row()])
    (feed,) = frame.feeds.values()
    levels = feed.fullFeed.marketFF.marketLevel.bidAskQuote
    assert len(levels) == 5
    assert all(level.ByteSize() == 0 for level in levels[1:])


def test_an_absent_side_is_absent() -> None:
    """A side that nobody quotes carries no price and no size, and a row without a volatility none either."""
    bare = {name: getattr(shots()[0], name).copy() for name in ("bid", "bid_qty", "ask", "ask_qty", "ltp")}
    bare["bid"][:], bare["bid_qty"][:] = np.nan, 0
    nowhere = np.full(len(bare["bid"]), np.nan)
    scene = Scene(replace(shots()[0], **bare, vendor_iv=nowhere))
    scene.move("09:15:00")
    (frame,) = scene.send("sub", scene.keys[10])
    full = frame.feeds[scene.keys[10]].fullFeed.marketFF
    assert (full.marketLevel.bidAskQuote[0].bidP, full.marketLevel.bidAskQuote[0].bidQ) == (0.0, 0)
    assert full.iv == 0.0 and full.HasField("optionGreeks")


@pytest.mark.parametrize(
    ("mode", "shown", "union"),
    [
        ("ltpc", RequestMode.ltpc, "ltpc"),
        (None, RequestMode.ltpc, "ltpc"),
        ("option_greeks", RequestMode.option_greeks, "firstLevelWithGreeks"),
        ("full", RequestMode.full_d5, "fullFeed"),
    ],
)
def test_each_mode_has_its_own_form(scene: Scene, mode: str | None, shown: RequestMode, union: str) -> None:
    """The mode asked for, ltpc where none is named, decides the form of an instrument."""
    key = scene.keys[scene.quoted_row()]
    (frame,) = scene.send("sub", key, mode=mode)
    assert frame.feeds[key].requestMode == shown
    assert frame.feeds[key].WhichOneof("FeedUnion") == union


def test_index_and_vix_come_as_levels(scene: Scene) -> None:
    """Index and VIX have a last price and bars, no book; VIX is in percent."""
    (frame,) = scene.send("sub", INDEX, VIX)
    shot = scene.core.board.snapshot
    assert shot is not None and shot.vix is not None
    index, vix = (frame.feeds[key].fullFeed.indexFF for key in (INDEX, VIX))
    assert index.ltpc.ltp == shot.underlying_ltp and index.ltpc.cp > 0.0
    assert vix.ltpc.ltp == pytest.approx(100.0 * shot.vix, abs=1e-3)
    assert [bar.interval for bar in index.marketOHLC.ohlc] == ["1d", "I1"]


def test_before_the_open_the_last_session_is_shown() -> None:
    """Subscribed before anything trades: levels as they closed, options nothing, and then all of them."""
    scene = Scene()
    scene.news()
    (frame,) = scene.send("sub", INDEX, scene.keys[10])
    assert list(frame.feeds) == [INDEX]
    scene.move("09:15:00")
    info, frame = scene.news()
    assert info.type == FrameType.market_info and frame.type == FrameType.live_feed
    assert set(frame.feeds) == {INDEX, scene.keys[10]}


def test_a_large_snapshot_comes_in_several_frames(scene: Scene) -> None:
    """No frame is much longer than the limit, and each instrument is in exactly one."""
    raw = scene.feed.take(scene.client, request("sub", scene.keys))
    assert len(raw) > 1
    assert max(len(frame) for frame in raw) <= FRAME_BYTES_MAX + 64
    told = [key for frame in decoded(raw) for key in frame.feeds]
    assert len(told) == len(set(told)) == len(scene.keys)


# --- changes -----------------------------------------------------------------------------------------


def test_only_what_changed_is_told(scene: Scene) -> None:
    """A live frame carries the instruments whose market changed, each whole, and no other."""
    before = scene.core.board.snapshot
    assert before is not None
    scene.send("sub", *scene.keys)
    scene.move("09:25:00")
    frames = scene.news()
    assert {frame.type for frame in frames} == {FrameType.live_feed}
    told = {key for frame in frames for key in frame.feeds}
    after = scene.core.board.snapshot
    assert after is not None
    same = np.ones(len(scene.keys), dtype=bool)
    for name in COLUMNS:
        old, new = getattr(before, name), getattr(after, name)
        same &= (old == new) | (np.isnan(old.astype(float)) & np.isnan(new.astype(float)))
    assert told == {key for key, is_same in zip(scene.keys, same.tolist(), strict=True) if not is_same}
    assert told
    assert scene.news() == []


def test_a_repeated_snapshot_is_silence() -> None:
    """A look that shows the same market as the last one says nothing of options."""
    first = shots()[0]
    scene = Scene(first, replace(first, ts=at("09:20:00")))
    scene.move("09:15:00")
    scene.news()
    scene.send("sub", *scene.keys)
    scene.move("09:20:00")
    assert scene.news() == []


def test_a_frozen_instrument_is_silent_while_others_move(scene: Scene) -> None:
    """A contract that the exchange freezes has no update until it thaws."""
    row = scene.quoted_row()
    scene.send("sub", *scene.keys)
    scene.core.freeze(scene.core.board.listing.contract(row), for_s=480.0)
    scene.move("09:25:00")
    told = {key for frame in scene.news() for key in frame.feeds}
    assert scene.keys[row] not in told and told
    scene.move("09:30:00")
    assert scene.keys[row] in {key for frame in scene.news() for key in frame.feeds}


def test_a_client_that_was_not_asked_hears_the_latest_once(scene: Scene) -> None:
    """News that were held back are told as they are by then, each instrument once."""
    key = scene.keys[scene.quoted_row()]
    scene.send("sub", key, INDEX)
    scene.move("09:25:00")
    scene.move("09:30:00")
    (frame,) = scene.news()
    shot = scene.core.board.snapshot
    assert shot is not None
    assert frame.feeds[INDEX].fullFeed.indexFF.ltpc.ltp == shot.underlying_ltp


def test_the_same_session_gives_the_same_bytes() -> None:
    """Frames depend on market and time alone: a subscription answered twice is the same, byte for byte."""
    first, second = Scene(), Scene()
    for scene in (first, second):
        scene.move("09:20:00")
    asked = request("sub", (INDEX, *first.keys[:50]))
    assert first.feed.take(first.client, asked) == second.feed.take(second.client, asked)
    assert first.feed.news(first.client) == second.feed.news(second.client)


# --- requests ----------------------------------------------------------------------------------------


def test_change_of_mode_shows_anew_and_unsub_ends_it(scene: Scene) -> None:
    """change_mode answers with a snapshot in the new form; after unsub nothing more is told."""
    key = scene.keys[scene.quoted_row()]
    scene.send("sub", key, mode="ltpc")
    (frame,) = scene.send("change_mode", key, mode="full")
    assert frame.feeds[key].requestMode == RequestMode.full_d5
    assert scene.send("change_mode", scene.keys[1], mode="full") == []  # it was never subscribed
    assert scene.send("unsub", key, mode=None) == []
    scene.move("09:25:00")
    assert scene.news() == []


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"no json",
        b"\xff\xfe",
        b"[]",
        b'{"guid": "g", "method": "shout", "data": {"mode": "full", "instrumentKeys": []}}',
        request("sub", [INDEX], "d50"),
        b'{"guid": "g", "method": "sub"}',
        request("sub", ["NSE_FO|1"]),
        request("sub", [INDEX], "full_d30"),
    ],
)
def test_what_is_not_understood_or_allowed_is_answered_with_silence(scene: Scene, message: bytes) -> None:
    """Neither an answer nor an effect: bad JSON, unknown methods, modes and keys, a mode not paid for."""
    assert scene.feed.take(scene.client, message) == []
    assert not scene.client.modes


def test_thirty_levels_are_for_accounts_that_have_them() -> None:
    """full_d30 works with the better plan alone, and then shows thirty rows."""
    scene = Scene(has_plus=True)
    scene.move("09:20:00")
    key = scene.keys[scene.quoted_row()]
    (frame,) = scene.send("sub", key, mode="full_d30")
    assert frame.feeds[key].requestMode == RequestMode.full_d30
    assert len(frame.feeds[key].fullFeed.marketFF.marketLevel.bidAskQuote) == 30


def subscribed(*requests: tuple[str, str, str]) -> Subscriptions:
    """Subscriptions after some requests: method, mode, one letter per key."""
    made = Subscriptions(CAPS, lambda key: key != "-")
    for method, mode, keys in requests:
        made.take(request(method, keys, mode))
    return made


def test_keys_beyond_the_cap_are_ignored() -> None:
    """The first keys up to the cap are in, the others are not, and room that is made can be used."""
    made = subscribed(("sub", "full", "abcde"))
    assert "".join(made.modes) == "abc"
    made = subscribed(("sub", "full", "abc"), ("unsub", "full", "b"), ("sub", "full", "de"))
    assert "".join(made.modes) == "acd"


def test_unknown_and_repeated_keys_use_no_room() -> None:
    """A key that does not exist, or is there already, does not count against the cap."""
    assert "".join(subscribed(("sub", "full", "-a-ab"), ("sub", "full", "abc")).modes) == "abc"


def test_a_second_mode_lowers_the_caps() -> None:
    """Once two modes are in use each has its combined cap; what was let in before stays."""
    made = subscribed(("sub", "ltpc", "abc"), ("sub", "full", "defg"))
    assert [key for key, mode in made.modes.items() if mode is Mode.FULL] == ["d", "e"]
    made = subscribed(("sub", "ltpc", "abcd"), ("sub", "full", "e"), ("sub", "ltpc", "f"))
    assert "".join(made.modes) == "abcde"


def test_a_key_has_one_mode() -> None:
    """Subscribing again in another mode moves the key, and it then counts there."""
    made = subscribed(("sub", "ltpc", "abc"), ("sub", "full", "a"))
    assert made.modes == {"a": Mode.FULL, "b": Mode.LTPC, "c": Mode.LTPC}


def test_the_options_decide_the_caps() -> None:
    """Caps and entitlement come from how the look-alike is set up."""
    plain = make_core(VirtualClock(at("09:14:00")), caps=Caps(full=StreamCap(alone=7, combined=5))).options
    assert caps_of(plain)[Mode.FULL] == StreamCap(alone=7, combined=5)
    assert Mode.FULL_D30 not in caps_of(plain)
    assert Mode.FULL_D30 in caps_of(replace(plain, has_plus=True))
