"""What a live session is told: snapshots on the grid, silence, ties that break and hold again, each once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.upstox.feed_samples import (
    INDEX_KEY,
    TS,
    VIX_KEY,
    board_of,
    frame_of,
    full_feed,
    index_feed,
    key_of,
    whole_frame,
)
from tests.adapters.upstox.test_feed_schema import MARKET_INFO
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.feed_schema import MarketStatus
from volguard.adapters.upstox.kept_socket import SocketNews, SocketState
from volguard.adapters.upstox.live_market import LiveMarket, LiveRules, Told
from volguard.adapters.upstox.quote_board import QuoteBoard, QuoteReport
from volguard.model.broker import ErrorClass, InstrumentKey
from volguard.model.event import Link, LinkChanged
from volguard.model.market import ChainSnapshot, Silence
from volguard.model.units import IST

OPEN, CLOSE = datetime(2026, 9, 16, 9, 15, tzinfo=IST), datetime(2026, 9, 16, 15, 40, tzinfo=IST)
RULES = LiveRules(windows=((OPEN, CLOSE),), cadence_s=3.0, verify_s=5.0, stall_s=15.0)
REFUSED = ApiFailure("quotes: 401 UDAPI100050", error_class=ErrorClass.AUTH, endpoint="quotes")
AWAY = ApiFailure("quotes: no answer", error_class=ErrorClass.NETWORK, endpoint="quotes")


@dataclass
class Session:
    """A live market, its time, and everything it told."""

    at: datetime = TS
    after: datetime | None = None
    rules: LiveRules = RULES
    generation: int = 0
    told: list[Told] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.board: QuoteBoard = board_of()
        self.market = LiveMarket(
            self.rules,
            first_keys=(INDEX_KEY, VIX_KEY),
            token_generation=lambda: self.generation,
            after=self.after,
        )

    def begin(self) -> Session:
        """A board, an open socket and a first frame of everything."""
        self.market.open_board(self.board, self.at)
        self.news(SocketState.OPEN)
        self.frame()
        return self

    def frame(self, payload: bytes | str | None = None) -> bool:
        return self.market.on_frame(whole_frame(4, at=self.at) if payload is None else payload, self.at)

    def news(self, state: SocketState, text: str = "") -> None:
        self.market.on_news(SocketNews(state=state, text=text))

    def quotes(self, *keys: InstrumentKey) -> None:
        self.market.on_quotes((report(key, self.at) for key in keys), self.at)

    def turn(self, seconds: float = 1.0) -> list[Told]:
        """Time goes on, then a turn."""
        self.at += timedelta(seconds=seconds)
        told = self.market.turn(self.at)
        self.told += told
        return told

    def turns(self, seconds: int) -> list[Told]:
        return [told for _ in range(seconds) for told in self.turn()]

    @property
    def links(self) -> list[tuple[Link, bool]]:
        return [(told.link, told.is_up) for told in self.told if isinstance(told, LinkChanged)]


def report(key: InstrumentKey, at: datetime) -> QuoteReport:
    return QuoteReport(
        key=key, told_at=at, bid=9.0, bid_qty=65, ask=9.5, ask_qty=65, ltp=9.25, volume=650, oi=650.0
    )


def kinds(told: list[Told]) -> list[str]:
    return [type(one).__name__ for one in told]


def test_a_snapshot_on_the_grid_when_something_was_heard_else_silence() -> None:
    """Every cadence, and nothing twice: a market that says nothing is told as silence."""
    session = Session().begin()
    assert kinds(session.turn(0.0)) == ["ChainSnapshot"]
    assert kinds(session.turns(4)) == ["Silence"] * 4
    session.frame()
    assert kinds(session.turns(5)) == ["ChainSnapshot", *["Silence"] * 4]


def test_frames_each_second_make_a_snapshot_each_cadence() -> None:
    """Three seconds of updates are one snapshot, and each keeps to the grid from the open."""
    session = Session().begin()
    for _ in range(30):
        session.frame()
        session.turn()
    times = [told.ts for told in session.told if isinstance(told, ChainSnapshot)]
    assert len(times) == 11
    assert {(ts - OPEN).total_seconds() % 3.0 for ts in times[1:]} == {0.0}


def test_before_the_open_there_is_silence_and_at_the_close_it_is_over() -> None:
    """No snapshot outside trading hours, whatever the feed says."""
    session = Session(at=OPEN - timedelta(seconds=3)).begin()
    assert kinds(session.turns(2)) == ["Silence"] * 2
    assert kinds(session.turn()) == ["ChainSnapshot"]
    assert not session.market.is_over(CLOSE - timedelta(seconds=1)) and session.market.is_over(CLOSE)
    late = Session(at=CLOSE - timedelta(seconds=1)).begin()
    assert kinds(late.turn(0.0)) == ["ChainSnapshot"]


def test_between_two_windows_of_a_day_there_is_silence() -> None:
    """A special session in two parts: the grid begins anew with each."""
    noon = OPEN + timedelta(hours=1)
    rules = replace(RULES, windows=((OPEN, noon), (noon + timedelta(hours=1), CLOSE)))
    session = Session(at=noon - timedelta(seconds=1), rules=rules).begin()
    assert kinds(session.turn(0.0)) == ["ChainSnapshot"]
    session.frame()
    assert kinds(session.turns(3)) == ["Silence"] * 3
    assert not session.market.is_over(session.at) and not session.market.is_open(session.at)
    assert kinds(session.turn(3600.0)) == ["ChainSnapshot"]


def test_nothing_is_told_again_after_a_restart() -> None:
    """Snapshots are strictly later than the last one of before."""
    session = Session(after=TS + timedelta(seconds=4)).begin()
    told = session.turns(8)
    assert kinds(told)[:4] == ["Silence"] * 4
    assert [one.ts for one in told if isinstance(one, ChainSnapshot)] == [TS + timedelta(seconds=5)]


def test_time_never_goes_back_even_if_the_clock_does() -> None:
    """A clock that is set back: silence at the last time until it has caught up."""
    session = Session().begin()
    session.turn()
    session.frame()
    assert kinds(session.turn(-3.0)) == ["Silence"] and session.told[-1].ts == TS + timedelta(seconds=1)
    session.turns(10)
    times = [told.ts for told in session.told]
    assert times == sorted(times)


def test_the_first_look_waits_for_all_rows_but_no_longer_than_a_cadence() -> None:
    """A subscription's answer may come in several frames: half a chain is no market."""
    session = Session()
    session.market.open_board(session.board, session.at)
    session.news(SocketState.OPEN)
    session.frame(frame_of({key_of(0): full_feed(), INDEX_KEY: index_feed(24_500.0)}))
    assert kinds(session.turns(2)) == ["Silence"] * 2
    assert kinds(session.turn()) == ["ChainSnapshot"]
    quick = Session()
    quick.market.open_board(quick.board, quick.at)
    quick.frame(frame_of({key_of(0): full_feed(), INDEX_KEY: index_feed(24_500.0)}))
    quick.frame()
    assert kinds(quick.turn()) == ["ChainSnapshot"]


def test_a_lost_feed_is_told_once_with_its_reason() -> None:
    """However often the socket fails in vain."""
    session = Session().begin()
    session.turn()
    for text in ("the connection broke off (1006)", "Connection refused"):
        session.news(SocketState.LOST, text)
        session.turns(3)
    session.news(SocketState.RESTING, "Connection refused; no further attempt for 300 s")
    session.turns(3)
    assert session.links == [(Link.FEED, False)]
    down = next(told for told in session.told if isinstance(told, LinkChanged))
    assert down.text == "the connection broke off (1006)"
    assert session.market.counts.feed_losses == 2


def test_a_feed_is_back_only_with_a_snapshot_of_what_it_says() -> None:
    """Connected is not enough: frames, then a snapshot, then the word that it holds."""
    session = Session().begin()
    session.turn()
    session.news(SocketState.LOST, "gone")
    session.turn()
    session.news(SocketState.OPEN)
    session.frame(bytes.fromhex(MARKET_INFO))
    session.turns(4)
    assert session.links == [(Link.FEED, False)]
    session.frame()
    told = session.turns(3)
    place = kinds(told).index("LinkChanged")
    assert kinds(told)[place - 1 : place + 1] == ["ChainSnapshot", "LinkChanged"]
    assert session.links == [(Link.FEED, False), (Link.FEED, True)]


def test_a_loss_is_told_even_if_the_socket_is_back_before_anybody_looked() -> None:
    """What came in between is missed: down, a snapshot of the new subscription, up."""
    session = Session().begin()
    session.turn()
    session.news(SocketState.LOST, "gone")
    session.news(SocketState.OPEN)
    session.frame()
    assert kinds(session.turn(3.0)) == ["LinkChanged", "ChainSnapshot", "LinkChanged"]
    assert session.links == [(Link.FEED, False), (Link.FEED, True)]
    assert session.market.counts.feed_losses == 1


def test_a_feed_that_says_nothing_is_down_whatever_its_socket_believes() -> None:
    """No frame for 15 s in market hours; before the open silence is no fault."""
    session = Session(at=OPEN - timedelta(minutes=30)).begin()
    session.turns(60)
    assert session.links == []
    session.turn((OPEN - session.at).total_seconds())
    session.turns(15)
    assert session.links == []
    session.turn()
    assert session.links == [(Link.FEED, False)]


def test_a_silent_feed_is_not_back_because_rest_answers() -> None:
    """Its socket never closed; only its own frames bring it back."""
    session = Session().begin()
    session.turns(17)
    session.quotes(*session.board.keys)
    assert "ChainSnapshot" in kinds(session.turns(3)) and session.links == [(Link.FEED, False)]
    session.frame()
    session.turns(3)
    assert session.links == [(Link.FEED, False), (Link.FEED, True)]


def test_a_feed_that_never_opens_is_told_down() -> None:
    """No board and no frame: after the patience of a stall the session knows."""
    session = Session()
    session.turns(17)
    assert session.links == [(Link.FEED, False)] and "ChainSnapshot" not in kinds(session.told)


def test_without_a_feed_snapshots_come_from_rest() -> None:
    """Every row is asked for at most once per round, and each answer makes a snapshot."""
    session = Session().begin()
    session.turn()
    session.news(SocketState.LOST, "gone")
    session.turn()
    shots = []
    for _ in range(30):
        keys = session.market.wanted(session.at)
        if keys:
            assert set(keys) == set(session.board.keys)
            session.quotes(*keys)
        shots += [told for told in session.turn() if isinstance(told, ChainSnapshot)]
    assert session.market.counts.rest_rounds == 6 and len(shots) == 6
    assert shots[0].ts == TS + timedelta(seconds=3)
    assert all(shot.bid.tolist() == [9.0] * 4 for shot in shots)
    ages = shots[-1].quote_age_s
    assert ages is not None and ages.max() <= 2.0


def test_only_rows_that_nothing_spoke_of_are_asked_for() -> None:
    """With a feed, a frozen instrument is confirmed by REST, the others are not asked for."""
    session = Session().begin()
    assert session.market.wanted(session.at) == ()
    for _ in range(10):
        session.turn()
        session.frame(
            frame_of(
                {
                    **{key_of(n): full_feed() for n in (0, 1, 3)},
                    INDEX_KEY: index_feed(1.0),
                    VIX_KEY: index_feed(1.0),
                },
                at=session.at,
            )
        )
    assert session.market.wanted(session.at) == (key_of(2),)
    assert session.market.wanted(session.at + timedelta(seconds=4.9)) == ()
    assert session.market.wanted(session.at + timedelta(seconds=5)) != ()


def test_no_quote_is_asked_for_outside_trading_hours() -> None:
    """Nothing changes then; only index and VIX, until there is a board."""
    session = Session(at=OPEN - timedelta(minutes=10))
    assert session.market.wanted(session.at) == (INDEX_KEY, VIX_KEY)
    session.market.open_board(session.board, session.at)
    assert session.market.wanted(session.at + timedelta(seconds=60)) == ()


def test_rest_that_fails_is_silence_and_one_note() -> None:
    """Feed and REST away: the session is told nothing but time, the operator reads why, once."""
    session = Session().begin()
    session.turn()
    session.news(SocketState.LOST, "gone")
    session.turn()
    for _ in range(3):
        session.market.on_failure(AWAY)
        assert kinds(session.turns(2)) == ["Silence"] * 2
    assert session.market.drain_notes() == ["quotes by REST: quotes: no answer"]
    assert session.market.drain_notes() == []
    assert (session.market.counts.rest_failures, session.links) == (3, [(Link.FEED, False)])


def test_a_refused_token_is_told_once_and_the_open_socket_is_read_on() -> None:
    """New risk freezes; what still ticks is still shown."""
    session = Session().begin()
    session.turn()
    session.market.on_failure(REFUSED)
    for _ in range(6):
        session.frame()
        session.turn()
    session.market.on_failure(REFUSED)
    session.turn()
    assert session.links == [(Link.TOKEN, False)]
    assert kinds(session.told).count("ChainSnapshot") == 3


def test_a_refusal_at_the_feeds_door_is_the_tokens_too() -> None:
    """The socket could not be authorised: both ties are broken."""
    session = Session().begin()
    session.turn()
    session.news(SocketState.REFUSED, "feed_authorize: 401")
    session.turn()
    assert session.links == [(Link.TOKEN, False), (Link.FEED, False)]


def test_a_dead_token_is_tried_once_a_minute_and_a_new_one_at_once() -> None:
    """Refusals in a row look like an attack; the operator's new token is not made to wait."""
    session = Session().begin()
    session.market.on_failure(REFUSED)
    asked = []
    for second in range(130):
        if session.market.wanted(TS + timedelta(seconds=second)):
            session.market.on_failure(REFUSED)
            asked.append(second)
    assert asked == [0, 60, 120]
    session.generation = 1
    assert session.market.wanted(TS + timedelta(seconds=130)) != ()


def test_a_token_holds_again_when_it_was_taken() -> None:
    """A new token is believed after an answer, not because it is new."""
    session = Session().begin()
    session.turn()
    session.market.on_failure(REFUSED)
    session.turn()
    session.generation = 1
    session.turns(3)
    assert session.links == [(Link.TOKEN, False)]
    assert session.market.wanted(session.at + timedelta(seconds=2))
    session.quotes(INDEX_KEY, VIX_KEY)
    session.turn()
    assert session.links == [(Link.TOKEN, False), (Link.TOKEN, True)]


def test_an_answer_asked_for_before_the_refusal_proves_nothing() -> None:
    """It was on its way when the token died."""
    session = Session().begin()
    session.turn(6.0)
    assert session.market.wanted(session.at)
    session.news(SocketState.REFUSED, "401")
    session.quotes(key_of(0))
    session.turn()
    assert (Link.TOKEN, True) not in session.links and (Link.TOKEN, False) in session.links


def test_bad_frames_are_noted_and_text_is_one() -> None:
    """The operator reads how many; a frame of text is no sign of life."""
    session = Session().begin()
    assert not session.frame("hello") and not session.frame(b"\xff\xff\xff")
    session.turn()
    assert session.market.drain_notes() == ["the feed sent frames that cannot be read: 2 so far"]


def test_instruments_that_the_feed_never_speaks_of_are_noted() -> None:
    """A cap of the server is silent: after a minute somebody should know."""
    session = Session()
    session.market.open_board(session.board, session.at)
    session.news(SocketState.OPEN)
    for _ in range(70):
        session.frame(frame_of({key_of(0): full_feed()}, at=session.at))
        session.turn()
    (note,) = session.market.drain_notes()
    assert note.startswith("the feed has never spoken of 5 of 6 instruments")


def test_a_clock_that_goes_back_is_told_once() -> None:
    """Time stands still until the clock has caught up, and the operator knows why nothing is looked at."""
    session = Session().begin()
    session.turns(5)
    session.turn(-600)
    session.turns(30)
    (note,) = session.market.drain_notes()
    assert note == "the clock went back by 600 s: the market is not looked at before 10:00:05"
    assert [told.ts for told in session.told] == sorted(told.ts for told in session.told)
    session.turns(600)
    session.turn(-1)
    assert session.market.drain_notes() == []  # a second is no matter


def test_segment_states_are_kept() -> None:
    """What the exchange's segments were last said to be."""
    session = Session().begin()
    session.frame(bytes.fromhex(MARKET_INFO))
    assert session.market.segments == {"NSE_FO": MarketStatus.NORMAL_OPEN}


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["frame", "quotes", "lost", "open", "refused", "away", "auth", "token", "bad", "ask"]
        ),
        st.floats(min_value=-2.0, max_value=20.0),
    ),
    max_size=60,
)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(events=EVENTS)
def test_whatever_happens_the_promises_hold(events: list[tuple[str, float]]) -> None:
    """Each turn tells something, times never fall, snapshots rise strictly, links alternate."""
    session = Session().begin()
    for event, seconds in events:
        match event:
            case "frame":
                session.frame()
            case "quotes":
                session.quotes(*session.board.keys)
            case "lost" | "open" | "refused":
                session.news(SocketState(event), event)
            case "away" | "auth":
                session.market.on_failure(AWAY if event == "away" else REFUSED)
            case "token":
                session.generation += 1
            case "bad":
                session.frame(b"\xff")
            case "ask":
                session.market.wanted(session.at)
        assert session.turn(seconds)
    times = [told.ts for told in session.told]
    shots = [told for told in session.told if isinstance(told, ChainSnapshot)]
    assert times == sorted(times)
    assert len({shot.ts for shot in shots}) == len(shots)
    for link in Link:
        ups = [is_up for which, is_up in session.links if which is link]
        assert ups == [bool(n % 2) for n in range(len(ups))]
    for shot in shots:
        assert shot.quote_age_s is not None and not (shot.quote_age_s < 0.0).any()
        assert (np.isnan(shot.bid) | (shot.bid > 0.0)).all()
    assert all(isinstance(told, ChainSnapshot | Silence | LinkChanged) for told in session.told)


@pytest.mark.parametrize(
    ("at_s", "wait_s"),
    [(-60.0, 60.0), (-0.25, 0.25), (0.0, 3.0), (1.25, 1.75), (2.75, 0.25), (3.0, 3.0), (80_000.0, 3.0)],
)
def test_the_wait_to_the_next_slot_is_known(at_s: float, wait_s: float) -> None:
    """So that a session wakes when a snapshot falls due."""
    session = Session()
    assert session.market.seconds_to_slot(OPEN + timedelta(seconds=at_s)) == pytest.approx(wait_s)
