"""Checks that ask the broker: clock, account, money, calendar, and both sockets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from volguard.adapters.figure_text import amount_text
from volguard.adapters.upstox.endpoints import HOLIDAYS
from volguard.adapters.upstox.instruments import UNDERLYING_KEYS, VIX_KEY
from volguard.adapters.upstox.socket_probe import hear_feed, hear_stream
from volguard.adapters.upstox.wire_market import Holiday
from volguard.model.broker import InstrumentKey
from volguard.model.decision import Phase
from volguard.model.errors import ConfigError
from volguard.model.units import money_text, seconds_between
from volguard.nse.dated import ONE_DAY
from volguard.operations.validate_live import Live
from volguard.operations.validate_row import Check, Context, Evidence, Finding, failed, passed, warned

EXCHANGE: Final = "NFO"
SEGMENT: Final = "NSE_FO"
DELIVERY: Final = "D"  # the product that positions are held in
SKEW_GOOD_S: Final = 1.0
SKEW_MAX_S: Final = 5.0
DATE_STEP: Final = timedelta(seconds=1)  # a Date header says which second it is, not more
SESSIONS_COMPARED: Final = 2
UPDATE_TYPES: Final = ("order", "position")


def look_at_clock_skew(context: Context) -> Finding:
    """This machine's clock against the broker's, by the Date of an answer that needs no token."""
    read_clock = context.clock.now
    asked_at = read_clock()
    reply = _live(context).link.client.call(HOLIDAYS)
    answered_at = read_clock()
    if reply.server_time is None:
        return failed("the broker's answer carries no Date", mend="try again; without it skew is not known")
    skew_s = skew_between(asked_at, answered_at, reply.server_time)
    evidence = (
        Evidence(name="skew", seen=f"{skew_s:+.2f} s", limit=f"below {SKEW_GOOD_S:g} s"),
        Evidence(name="this clock", seen=answered_at.isoformat(timespec="milliseconds")),
        Evidence(name="broker's clock", seen=reply.server_time.isoformat()),
        Evidence(name="round trip", seen=f"{1000.0 * seconds_between(asked_at, answered_at):.0f} ms"),
    )
    mend = "set this machine's clock: timedatectl set-ntp true"
    if abs(skew_s) >= SKEW_MAX_S:
        return failed(f"the clock is off by {skew_s:+.2f} s, limit {SKEW_MAX_S:g} s", *evidence, mend=mend)
    if abs(skew_s) >= SKEW_GOOD_S:
        return warned(f"the clock is off by {skew_s:+.2f} s, good is {SKEW_GOOD_S:g} s", *evidence, mend=mend)
    return passed(f"the clock is within {SKEW_GOOD_S:g} s of the broker's", *evidence)


def skew_between(asked_at: datetime, answered_at: datetime, server_time: datetime) -> float:
    """Seconds that this clock is surely ahead of the server's (negative: behind); 0 where it may be right.

    The server wrote its time, cut to the second, at some moment between question and answer.
    """
    ahead_s = seconds_between(server_time + DATE_STEP, asked_at)
    behind_s = seconds_between(answered_at, server_time)
    return max(ahead_s, 0.0) - max(behind_s, 0.0)


def look_at_rest(context: Context) -> Finding:
    """Profile and market status are answered, and the account may trade index options."""
    live = _live(context)
    profile = live.account.profile()
    status = live.link.reads.status(EXCHANGE)
    evidence = (
        Evidence(name="user", seen=profile.user_id),
        Evidence(name="active", seen="yes" if profile.is_active else "no", limit="yes"),
        Evidence(name="exchanges", seen=" ".join(profile.exchanges), limit=f"{EXCHANGE} among them"),
        Evidence(name="products", seen=" ".join(profile.products), limit=f"{DELIVERY} among them"),
        Evidence(name=f"status of {EXCHANGE}", seen=status.status),
    )
    if not profile.is_active:
        return failed("the account is not active", *evidence, mend="activate it on the broker's own pages")
    for wanted, given, what in (
        (EXCHANGE, profile.exchanges, "exchange"),
        (DELIVERY, profile.products, "product"),
    ):
        if wanted not in given:
            return failed(
                f"the account has no {what} {wanted}",
                *evidence,
                mend="have the derivatives segment activated on the broker's own pages",
            )
    return passed(f"{profile.user_id} may trade {EXCHANGE}, which says {status.status}", *evidence)


def look_at_funds(context: Context) -> Finding:
    """Funds can be read, and are at least the capital that limits are shares of."""
    funds, capital = _live(context).account.funds(), context.settings.account.capital_inr
    evidence = (
        Evidence(
            name="available",
            seen=f"{amount_text(money_text(funds.available_inr))} rupees",
            limit=f"{amount_text(money_text(capital))} rupees or more (account.capital_inr)",
        ),
        Evidence(name="used", seen=f"{amount_text(money_text(funds.used_inr))} rupees"),
    )
    whole = funds.available_inr + funds.used_inr
    if whole < capital:
        return warned(
            f"funds are {amount_text(money_text(whole))} rupees, account.capital_inr says "
            f"{amount_text(money_text(capital))}",
            *evidence,
            mend="lower account.capital_inr in config/volguard.toml, or bring funds in",
        )
    return passed(f"{amount_text(money_text(funds.available_inr))} rupees are available", *evidence)


def look_at_static_ip(context: Context) -> Finding:
    """An address is registered: order writes from any other are refused."""
    found = _live(context).account.static_ip()
    changed = found.changed_at
    evidence = (
        Evidence(name="registered", seen=", ".join(found.addresses) or "none", limit="one or two"),
        Evidence(name="since", seen="not told" if changed is None else f"{changed:%d %b %Y}"),
    )
    if found.addresses:
        return passed("an address is registered; see that it is this machine's", *evidence)
    mend = "register this machine's static address on the broker's own pages (one change a week)"
    if context.phase in (None, Phase.SHADOW):
        return warned("no address is registered: only SHADOW can run", *evidence, mend=mend)
    return failed("no address is registered: orders would be refused", *evidence, mend=mend)


def look_at_broker_kill_switch(context: Context) -> Finding:
    """The broker's own kill switch of the derivatives segment is off."""
    is_on = _live(context).account.kill_switch().get(SEGMENT)
    if is_on is None:
        return failed(f"the broker says nothing of {SEGMENT}", mend="look at the broker's own pages")
    evidence = Evidence(name=SEGMENT, seen="on" if is_on else "off", limit="off")
    if is_on:
        return failed(
            f"the broker's kill switch of {SEGMENT} is on",
            evidence,
            mend="it can be taken off on the broker's own pages, 12 hours after it was set",
        )
    return passed(f"the broker's kill switch of {SEGMENT} is off", evidence)


def look_at_holidays(context: Context) -> Finding:
    """The broker's list of holidays agrees with our calendar from today to the session after next."""
    listed = _live(context).link.reads.holidays(EXCHANGE)
    last = context.session_day
    for _ in range(SESSIONS_COMPARED - 1):
        last = context.rules.calendar.next_trading_day(last)
    days = [context.today + ONE_DAY * ahead for ahead in range((last - context.today).days + 1)]
    differences = [text for day in days if (text := _difference(context, listed, day))]
    evidence = (
        Evidence(name="days compared", seen=f"{days[0]} to {days[-1]}"),
        Evidence(name="days in the broker's list", seen=str(len(listed))),
        Evidence(name="differences", seen=str(len(differences)), limit="0"),
    )
    if differences:
        return failed(
            "; ".join(differences),
            *evidence,
            mend="look at the exchange's circular, then mend config/calendar.toml",
        )
    return passed(f"agrees from {days[0]} to {days[-1]}", *evidence)


def look_at_timings(context: Context) -> Finding:
    """The broker's hours of the session are ours."""
    day = context.session_day
    theirs = _live(context).link.reads.timings(day, EXCHANGE)
    session = context.rules.calendar.session(day)
    ours = None if session is None else (session.windows[0][0], session.windows[-1][1])
    evidence = (
        Evidence(name="broker", seen=_hours_text(theirs), limit=_hours_text(ours)),
        Evidence(name="day", seen=day.isoformat()),
    )
    if theirs != ours:
        return failed(
            f"hours of {day} are {_hours_text(theirs)} at the broker, {_hours_text(ours)} in our calendar",
            *evidence,
            mend="look at the exchange's circular, then mend session_time in config/calendar.toml",
        )
    return passed(f"{_hours_text(ours)} on {day} for both", *evidence)


def look_at_feed(context: Context) -> Finding:
    """The market feed authorises, connects, takes a subscription, and shows status and first picture."""
    live, keys = _live(context), (_index_key(context), VIX_KEY)
    began_s = context.clock.monotonic_s()
    heard = hear_feed(live.open_socket, live.link.reads.feed_address(), keys)
    took_s = context.clock.monotonic_s() - began_s
    evidence = (
        Evidence(name=f"status of {SEGMENT}", seen=heard.status or "not told"),
        Evidence(name="first picture of", seen=", ".join(heard.pictured) or "nothing", limit=", ".join(keys)),
        Evidence(name="frames", seen=f"{heard.frames}, {heard.unreadable} unreadable", limit="0 unreadable"),
        Evidence(name="took", seen=f"{took_s:.1f} s", limit="10 s"),
    )
    mend = "try again; if it stays so, the feed is away or has changed its form"
    if heard.unreadable:
        return failed(f"{heard.unreadable} frames of the feed cannot be read", *evidence, mend=mend)
    if lacking := heard.lacks(keys):
        return failed(f"the feed connects and did not send {lacking}", *evidence, mend=mend)
    return passed(f"subscribed and pictured, {SEGMENT} says {heard.status}", *evidence)


def look_at_portfolio_stream(context: Context) -> Finding:
    """The portfolio stream authorises, connects and stays open."""
    live = _live(context)
    messages = hear_stream(live.open_socket, live.link.reads.portfolio_address(UPDATE_TYPES))
    evidence = (
        Evidence(name="updates of", seen=", ".join(UPDATE_TYPES)),
        Evidence(name="messages meanwhile", seen=str(messages)),
    )
    return passed("connected and stayed open", *evidence)


def _live(context: Context) -> Live:
    if context.live is None:
        raise ConfigError("the network was not asked for", hint="add --live")
    return context.live


def _index_key(context: Context) -> InstrumentKey:
    if context.underlying not in UNDERLYING_KEYS:
        raise ConfigError(
            f"market.underlying was {context.underlying}, the broker's key of it is not known",
            hint=f"known are {', '.join(UNDERLYING_KEYS)}",
        )
    return UNDERLYING_KEYS[context.underlying]


def _difference(context: Context, listed: dict[date, Holiday], day: date) -> str:
    session = context.rules.calendar.session(day)
    is_weekend = day.weekday() > 4
    holiday = listed.get(day)
    is_open_there = holiday.window is not None if holiday is not None else not is_weekend
    if is_open_there == (session is not None):
        return ""
    why = f" ({holiday.description})" if holiday is not None and holiday.description else ""
    there = "open" if is_open_there else "closed"
    return f"{day} is {there} at the broker{why}, {'open' if session is not None else 'closed'} in ours"


def _hours_text(window: tuple[datetime, datetime] | None) -> str:
    return "closed" if window is None else f"{window[0]:%H:%M} to {window[1]:%H:%M}"


def _checks() -> Iterator[Check]:
    for id_, title, look in (
        ("clock_skew", "clock against the broker's", look_at_clock_skew),
        ("rest", "account and market by REST", look_at_rest),
        ("funds", "funds", look_at_funds),
        ("static_ip", "static address", look_at_static_ip),
        ("broker_kill_switch", "the broker's kill switch", look_at_broker_kill_switch),
        ("holidays", "holidays at the broker", look_at_holidays),
        ("timings", "hours at the broker", look_at_timings),
        ("feed", "market feed", look_at_feed),
        ("portfolio_stream", "portfolio stream", look_at_portfolio_stream),
    ):
        yield Check(id=id_, title=title, look=look, is_live=True)


BROKER_CHECKS: Final = tuple(_checks())
