"""The rate budget: no window is ever overrun, and what reduces risk always finds its share."""

from __future__ import annotations

import threading
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.upstox.client_parts import MovingClock, band
from tests.fakes import shipped
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.endpoints import Band, Endpoint
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.limiter import Limiter, Priority
from volguard.adapters.upstox.settings import RateBand
from volguard.model.broker import ErrorClass

NORMAL, EXIT = Priority.NORMAL, Priority.EXIT
WIDE = band(1000, 1000, 1000)


def limiter(clock: MovingClock, order: RateBand, standard: RateBand = WIDE, **options: bool) -> Limiter:
    return Limiter({"order": order, "standard": standard, "login": WIDE}, clock, **options)


def taken(made: Limiter, endpoint: Endpoint, priority: Priority = NORMAL) -> int:
    """Calls that fit at this very moment."""
    count = 0
    while count < 2000 and made.try_take(endpoint, priority) == 0.0:
        count += 1
    return count


def most_in_any(stamps: list[tuple[float, int]], window_s: float) -> int:
    """The heaviest closed window of that length."""
    times = [stamp for stamp, _ in stamps]
    heaviest = 0
    for last, (end, _) in enumerate(stamps):
        first = bisect_left(times, end - window_s)
        heaviest = max(heaviest, sum(weight for _, weight in stamps[first : last + 1]))
    return heaviest


# --- one budget, or one each -------------------------------------------------------------------------


def test_order_writes_share_one_budget() -> None:
    """Place, modify and cancel are counted together: the broker counts orders, not addresses."""
    made = limiter(MovingClock(), band(3, 100, 100))
    for call in (endpoints.PLACE, endpoints.MODIFY, endpoints.CANCEL):
        assert made.try_take(call) == 0.0
    assert made.try_take(endpoints.MULTI_CANCEL) > 0.0


def test_each_standard_call_has_a_budget_of_its_own() -> None:
    """Reading the order book does not slow quotes down."""
    made = limiter(MovingClock(), band(5, 5, 5), band(2, 100, 100))
    assert taken(made, endpoints.ORDER_BOOK) == 2
    assert taken(made, endpoints.QUOTES) == 2
    assert taken(made, endpoints.PLACE) == 5


def test_windows_are_longer_than_the_brokers() -> None:
    """Calls may bunch up on their way: after exactly a second the window is still full."""
    clock = MovingClock()
    made = limiter(clock, band(2, 100, 100))
    assert taken(made, endpoints.PLACE) == 2
    clock.passed_s = 1.0
    assert made.try_take(endpoints.PLACE) == pytest.approx(0.05)
    clock.passed_s = 1.05
    assert made.try_take(endpoints.PLACE) == 0.0


@pytest.mark.parametrize(
    ("limits", "window_s"), [((2, 99, 99), 1.0), ((99, 2, 99), 60.0), ((99, 99, 2), 1800.0)]
)
def test_every_window_holds(limits: tuple[int, int, int], window_s: float) -> None:
    """The tightest of the three windows decides how long to wait."""
    made = limiter(MovingClock(), band(*limits))
    assert taken(made, endpoints.PLACE) == 2
    assert made.try_take(endpoints.PLACE) == pytest.approx(window_s * 1.05)


# --- the reserve -------------------------------------------------------------------------------------


def test_a_share_is_kept_for_exits() -> None:
    """Ordinary calls stop at 7 of 10; exits use the rest."""
    made = limiter(MovingClock(), band(10, 500, 2000, 0.3))
    assert taken(made, endpoints.PLACE) == 7
    assert taken(made, endpoints.PLACE, EXIT) == 3


def test_exits_may_use_all_of_it() -> None:
    """What reduces risk may use the whole budget; then nothing else fits."""
    made = limiter(MovingClock(), band(10, 500, 2000, 0.3))
    assert taken(made, endpoints.CANCEL, EXIT) == 10
    assert taken(made, endpoints.PLACE) == 0


def test_a_budget_with_room_for_exits_alone_is_refused() -> None:
    """One call a second with a reserve leaves nothing: better said at the start than waited for."""
    with pytest.raises(ValueError, match=r"rate\.order\.per_second was 1, with exit_share 0\.3"):
        limiter(MovingClock(), band(1, 500, 2000, 0.3))


# --- lines of one request ----------------------------------------------------------------------------


def test_lines_count_for_the_exchange_and_requests_for_the_broker() -> None:
    """Five lines are five orders of this second, but one request of this minute."""
    clock = MovingClock()
    made = limiter(clock, band(10, 2, 100))
    assert made.try_take(endpoints.MULTI_PLACE, lines=5) == 0.0
    assert made.try_take(endpoints.MULTI_PLACE, lines=6) == pytest.approx(1.05)
    clock.passed_s = 2.0
    assert made.try_take(endpoints.MULTI_PLACE, lines=6) == 0.0
    clock.passed_s = 4.0
    assert made.try_take(endpoints.MULTI_PLACE) == pytest.approx(63.0 - 4.0)


def test_more_lines_than_ever_fit_are_refused() -> None:
    """A request that could never be sent is a mistake, not a wait."""
    made = limiter(MovingClock(), band(10, 500, 2000, 0.3))
    assert (made.lines_max(endpoints.MULTI_PLACE), made.lines_max(endpoints.MULTI_PLACE, EXIT)) == (7, 10)
    with pytest.raises(ValueError, match="had 8 lines, limit 1 to 7"):
        made.try_take(endpoints.MULTI_PLACE, lines=8)
    with pytest.raises(ValueError, match="had 0 lines"):
        made.try_take(endpoints.MULTI_PLACE, lines=0)


def test_lines_need_not_count() -> None:
    """Where the exchange's rule does not count lines, a request counts once."""
    made = limiter(MovingClock(), band(2, 500, 2000), count_lines=False)
    assert made.lines_max(endpoints.MULTI_PLACE) is None
    assert made.try_take(endpoints.MULTI_PLACE, lines=50) == 0.0
    assert taken(made, endpoints.PLACE) == 1


# --- waiting -----------------------------------------------------------------------------------------


def test_a_call_waits_for_its_turn() -> None:
    """The third call of a second is sent when the first has left the window, not before."""
    clock = MovingClock()
    made = limiter(clock, band(2, 100, 100))
    for _ in range(3):
        made.wait(endpoints.PLACE)
    assert clock.passed_s == pytest.approx(1.05)


def test_impatience_sends_nothing_and_waits_for_nothing() -> None:
    """An order that could leave only in a minute is refused at once, proven not sent."""
    clock = MovingClock()
    made = limiter(clock, band(5, 1, 100))
    made.wait(endpoints.PLACE)
    with pytest.raises(ApiFailure, match=r"free in 63\.0 s, limit 2\.0 s") as caught:
        made.wait(endpoints.PLACE, patience_s=2.0)
    assert (caught.value.error_class, caught.value.was_sent) == (ErrorClass.RATE, False)
    assert not caught.value.is_outcome_open and clock.slept_s == []


def test_a_stop_ends_the_wait_without_sending() -> None:
    """The process is asked to stop: the call is given up, and does not spin."""
    clock = MovingClock()
    made = limiter(clock, band(1, 100, 100))
    made.wait(endpoints.PLACE)
    clock.stopping = True
    with pytest.raises(ApiFailure, match="cut short") as caught:
        made.wait(endpoints.PLACE)
    assert not caught.value.was_sent and len(clock.slept_s) == 1


def test_the_budget_is_safe_for_threads() -> None:
    """Eight threads at one moment get exactly what the second allows."""
    made = limiter(MovingClock(), band(40, 1000, 1000))
    won: list[int] = []
    threads = [threading.Thread(target=lambda: won.append(taken(made, endpoints.PLACE))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(won) == 40


# --- any sequence ------------------------------------------------------------------------------------

CALLS = st.lists(
    st.tuples(
        st.one_of(st.just(0.0), st.floats(0.0, 2.0), st.floats(0.0, 120.0), st.floats(0.0, 900.0)),
        st.sampled_from((endpoints.PLACE, endpoints.CANCEL, endpoints.MULTI_PLACE)),
        st.sampled_from((NORMAL, EXIT)),
        st.integers(1, 3),
        st.integers(1, 6),
    ),
    min_size=1,
    max_size=60,
)
SHARES = st.sampled_from((0.0, 0.25, 0.3, 0.5))
RESERVES = st.sampled_from((0.25, 0.3, 0.5))


@given(calls=CALLS, share=SHARES)
def test_no_sequence_of_calls_overruns_any_window(
    calls: list[tuple[float, Endpoint, Priority, int, int]], share: float
) -> None:
    """Whatever is asked, by whom and when: no second, minute or half hour ever holds more than its limit."""
    clock = MovingClock()
    made = limiter(clock, band(6, 20, 50, share))
    lines_sent, requests = [], []
    for idle_s, endpoint, priority, lines, times in calls:
        clock.passed_s += idle_s
        for _ in range(times):
            count = lines if endpoint is endpoints.MULTI_PLACE else 1
            made.wait(endpoint, priority, lines=count)
            lines_sent.append((clock.passed_s, count))
            requests.append((clock.passed_s, 1))
    assert most_in_any(lines_sent, 1.0) <= 6
    assert most_in_any(requests, 60.0) <= 20
    assert most_in_any(requests, 1800.0) <= 50


@given(calls=CALLS, share=RESERVES)
def test_exits_always_find_their_reserve(
    calls: list[tuple[float, Endpoint, Priority, int, int]], share: float
) -> None:
    """An exit has to wait only where exits themselves have used at least the share kept for them."""
    clock = MovingClock()
    order = band(6, 20, 50, share)
    made = limiter(clock, order)
    reserve = {
        window_s: limit - int(limit * (1 - share))
        for window_s, limit in ((1.05, 6), (63.0, 20), (1890.0, 50))
    }
    exits: list[float] = []
    for idle_s, endpoint, priority, _, times in calls:
        clock.passed_s += idle_s
        for _ in range(times):
            if made.try_take(endpoint, priority) == 0.0:
                exits += [clock.passed_s] * (priority is EXIT)
            elif priority is EXIT:
                used = {s: sum(at > clock.passed_s - s for at in exits) for s in reserve}
                assert any(used[s] >= reserve[s] for s in reserve)
            else:
                break


def test_the_shipped_budget_is_what_the_broker_allows() -> None:
    """10 orders a second, 500 a minute, 2,000 in half an hour; 30 % of each for exits."""
    clock = MovingClock()
    made = Limiter(shipped().upstox.rate, clock)
    sent = []
    for _ in range(2500):
        made.wait(endpoints.PLACE, EXIT)
        sent.append((clock.passed_s, 1))
    assert [most_in_any(sent, s) for s in (1.0, 60.0, 1800.0)] == [10, 500, 2000]
    assert taken(Limiter(shipped().upstox.rate, MovingClock()), endpoints.PLACE) == 7
    assert {Band(name) for name in shipped().upstox.rate} == set(Band)
