"""The live checks over a look-alike: clock, account, calendar, sockets, the broker's margin beside ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.operations.validate_scenes import figures, row_of, scene_in
from volguard.model.decision import Phase
from volguard.model.units import IST
from volguard.operations.validate import CHECKS, is_connected
from volguard.operations.validate_checks_broker import skew_between
from volguard.operations.validate_row import Context, Verdict
from volguard.operations.validate_scene import Scene
from volguard.simulator.upstox_server.faults import FaultName, FaultRule

AT = datetime(2026, 9, 16, 10, 0, 0, tzinfo=IST)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene_in(tmp_path_factory.mktemp("scene")) as made:
        yield made


@pytest.fixture(scope="module")
def sound(scene: Scene) -> Context:
    return scene.live_context()


def after(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("asked_s", "answered_s", "skew_s"),
    [
        (0.0, 0.1, 0.0),  # within the second that the header names
        (0.95, 1.2, 0.0),  # it was written before the second ended
        (1.5, 1.6, 0.5),  # asked half a second after that second was over: ahead by so much at least
        (-3.0, -2.5, -2.5),  # answered before it began: behind
        (-2.0, 4.0, 0.0),  # a slow answer proves nothing
    ],
)
def test_skew_is_what_is_certain(asked_s: float, answered_s: float, skew_s: float) -> None:
    """A Date header names a second; skew is only what no moment between question and answer explains."""
    assert skew_between(after(asked_s), after(answered_s), AT) == pytest.approx(skew_s)


def test_on_a_sound_broker_every_live_check_passes_and_connectivity_is_verified(sound: Context) -> None:
    """A whole look at a sound account: no live row fails or warns."""
    rows = [row_of(sound, check.id) for check in CHECKS if check.is_live]
    assert [(row.id, row.finding.reason) for row in rows if row.verdict is not Verdict.PASS] == []
    assert is_connected(rows)


def test_the_feed_shows_status_and_first_picture(sound: Context) -> None:
    """Connected is not enough: market_info and the first values of index and VIX must have come."""
    shown = figures(row_of(sound, "feed"))
    assert shown["status of NSE_FO"] == ("NORMAL_OPEN", "")
    assert shown["first picture of"][0] == "NSE_INDEX|India VIX, NSE_INDEX|Nifty 50"
    assert shown["frames"][0].endswith(", 0 unreadable")


def test_margin_is_shown_beside_the_brokers(sound: Context) -> None:
    """One lot of a listed condor: the broker's two figures, ours, and how far apart they are."""
    row = row_of(sound, "margin")
    shown = figures(row)
    assert shown["condor"][0].endswith("of 2026-09-22, 65 units")
    assert shown["condor"][0].count("PE") == shown["condor"][0].count("CE") == 2
    assert {"broker, to get it on", "broker, all legs on", "ours"} <= shown.keys()
    assert "differs by" in row.finding.reason


def test_funds_are_held_against_the_capital_with_what_is_used(scene: Scene) -> None:
    """Limits are shares of account.capital_inr: an account that has less makes them too wide."""
    row = row_of(scene.live_context(scene.stand_in(capital_inr=Decimal(1_999_999))), "funds")
    assert row.verdict is Verdict.WARN
    assert "19,99,999.00" in row.finding.reason and "20,00,000.00" in row.finding.reason


def test_without_a_registered_address_only_shadow_may_run(scene: Scene) -> None:
    """Order writes would be refused: a warning for SHADOW, a failure for phases that send orders."""
    verdicts = [
        row_of(scene.live_context(scene.stand_in(registered_ips=()), phase=phase), "static_ip").verdict
        for phase in (None, Phase.SHADOW, Phase.SEMI_AUTO, Phase.FULL_AUTO)
    ]
    assert verdicts == [Verdict.WARN, Verdict.WARN, Verdict.FAIL, Verdict.FAIL]


def test_a_look_survives_a_fault_that_passes(scene: Scene) -> None:
    """One bad answer is read again: a look is not failed by a hiccup."""
    hiccup = FaultRule(name=FaultName.SERVER_ERROR_BEFORE, every=1, times_max=1)
    context = scene.live_context(scene.stand_in(hiccup))
    assert row_of(context, "clock_skew").verdict is Verdict.PASS


def test_no_row_shows_the_token(scene: Scene) -> None:
    """Whatever goes wrong, the token is in no row."""
    stand_in = scene.stand_in(FaultRule(name=FaultName.HTML_403, probability=1.0))
    context = scene.live_context(stand_in)
    rows = [row_of(context, check.id) for check in CHECKS]
    assert sum(row.verdict is Verdict.FAIL for row in rows) >= 10
    assert stand_in.token not in repr(rows)
    assert all(part not in repr(rows) for part in stand_in.token.split("."))


def test_a_holiday_in_the_brokers_list_alone_is_named(scene: Scene) -> None:
    """The broker is closed on a day that our calendar trades: the day and both views are told."""
    from volguard.nse.rules import make_rules
    from volguard.operations.validate_cases_broker import with_holiday

    settings = scene.settings
    day = scene.rules.calendar.next_trading_day(scene.day)
    theirs = make_rules(
        with_holiday(settings.calendar, day), settings.contracts, settings.charges, settings.margin
    )
    row = row_of(scene.live_context(scene.stand_in(rules=theirs)), "holidays")
    assert row.verdict is Verdict.FAIL
    assert row.finding.reason.startswith("2026-09-17 is closed at the broker")
    assert row.finding.reason.endswith("open in ours")
