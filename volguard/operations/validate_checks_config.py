"""Checks of what the operator wrote down: settings, limits, and the dated tables of the exchange's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from volguard.config.loader import load
from volguard.config.settings import LIMITS, SECTIONS, Settings
from volguard.model.instrument import Side
from volguard.model.units import money_text
from volguard.operations.validate_row import (
    Check,
    Context,
    Evidence,
    Finding,
    Verdict,
    failed,
    passed,
    warned,
)
from volguard.volatility.event_calendar import events_between

SESSIONS_AHEAD: Final = 5  # with hours that are known
TABLE_DAYS_LEFT_MIN: Final = 10  # a table that ends sooner should be extended now, not on its last day
SAMPLE_PREMIUM: Final = Decimal(100)
Relation = tuple[str, float, str, float]  # a limit, and the one that it must not exceed


def look_at_configuration(context: Context) -> Finding:
    """Every file is read anew: an unknown, missing or impossible setting fails."""
    loaded = load(
        context.root,
        context.overrides,
        settings_class=Settings,
        sections=SECTIONS,
        preset=context.preset,
    )
    overridden = sum(row.origin.startswith(("--set", "preset")) for row in loaded.rows)
    evidence = (
        Evidence(name="folder", seen=str(context.root.config_dir)),
        Evidence(name="settings", seen=f"{len(loaded.rows)}, {overridden} of them overridden"),
        Evidence(name="hash", seen=loaded.digest),
    )
    if context.root.is_packaged:
        return warned(
            "packaged defaults are in force: they serve simulator and replay alone",
            *evidence,
            mend="name your own root folder with --root or VOLGUARD_ROOT",
        )
    return passed("every setting is known, typed and in range", *evidence)


def look_at_limits(context: Context) -> Finding:
    """The limits stand in a file of the operator's own, and none makes another one meaningless."""
    path = context.root.config_dir / LIMITS
    relations = tuple(_relations(context.settings))
    evidence = (
        Evidence(name="file", seen=str(path)),
        *(
            Evidence(name=name, seen=f"{value:g}", limit=f"{cap_name} {cap:g}")
            for name, value, cap_name, cap in relations
        ),
    )
    if not path.is_file():
        return failed(f"{path} is missing", *evidence, mend=f"restore {path}")
    broken = [
        f"{name} was {value:g}, limit {cap_name} {cap:g}"
        for name, value, cap_name, cap in relations
        if value > cap
    ]
    if broken:
        return failed("; ".join(broken), *evidence, mend=f"edit {path}")
    return passed(f"{len(relations)} relations between limits hold", *evidence)


def look_at_calendar(context: Context) -> Finding:
    """Today and the next sessions have hours, and the calendar reaches the furthest expiry of a bucket."""
    calendar, day = context.rules.calendar, context.session_day
    days = [day]
    while len(days) < SESSIONS_AHEAD:
        days.append(calendar.next_trading_day(days[-1]))
    sessions = [session for one in days if (session := calendar.session(one)) is not None]
    today = calendar.session(context.today)
    hours = ", ".join(f"{s.windows[0][0]:%d %b %H:%M}-{s.windows[-1][1]:%H:%M}" for s in sessions)
    until, wanted = context.settings.calendar.checked_until, context.furthest_expiry
    evidence = (
        Evidence(name="today", seen="no session" if today is None else f"{today.kind} session"),
        Evidence(name="sessions", seen=hours, limit=f"{SESSIONS_AHEAD} sessions with hours"),
        Evidence(name="calendar ends", seen=until.isoformat(), limit=f"{wanted.isoformat()} or later"),
    )
    if until < wanted:
        return warned(
            f"the calendar ends on {until}, an expiry may be as late as {wanted}",
            *evidence,
            mend="add the next year's sessions and holidays to config/calendar.toml once they are published",
        )
    return passed(f"covers {day} and all sessions up to {wanted}", *evidence)


def look_at_charges(context: Context) -> Finding:
    """A sale of one lot can be charged at the rates of the session."""
    rules, day = context.rules, context.session_day
    expiry = rules.contracts.expiries(context.underlying, day)[0].day
    lot = rules.contracts.lot_size(context.underlying, day, expiry)
    lines = rules.charges.for_fill(
        trade_date=day, side=Side.SELL, quantity=lot, price=SAMPLE_PREMIUM, first_fill_of_order=True
    )
    told = Evidence(
        name=f"sale of {lot} units at {SAMPLE_PREMIUM}", seen=f"{money_text(lines.total)} rupees of charges"
    )
    return _table_ends(context, "charges", context.settings.charges.checked_until, told)


def look_at_contracts(context: Context) -> Finding:
    """Lot, freeze quantity, tick and strike step of every expiry that the buckets may hold are known."""
    contracts, underlying, day = context.rules.contracts, context.underlying, context.session_day
    listed = contracts.expiries(underlying, day)
    near = [expiry.day for expiry in listed if expiry.day <= context.furthest_expiry]
    lots = [contracts.lot_size(underlying, day, expiry) for expiry in near]
    steps = [contracts.strike_step(underlying, day, expiry) for expiry in near]
    unchecked = [expiry.day for expiry in listed if expiry.day in near and not expiry.holiday_checked]
    evidence = (
        Evidence(name="expiries", seen=f"{len(listed)} listed, {len(near)} within the buckets' reach"),
        Evidence(name="lot", seen=", ".join(sorted({f"{lot} units" for lot in lots}))),
        Evidence(name="freeze", seen=f"{contracts.freeze_quantity(underlying, day)} units"),
        Evidence(name="tick", seen=f"{contracts.tick(underlying, day)} rupees"),
        Evidence(name="strike step", seen=", ".join(sorted({f"{step} points" for step in steps}))),
    )
    if not near:
        return failed(
            f"no expiry of {underlying} up to {context.furthest_expiry}",
            *evidence,
            mend="widen expiry_days_max of a bucket, or mend the listing in config/contracts.toml",
        )
    if unchecked:
        return warned(
            f"expiries of {unchecked[0]} and later may still move with holidays",
            *evidence,
            mend="add the holidays of that year to config/calendar.toml once they are published",
        )
    return _table_ends(context, "contracts", context.settings.contracts.checked_until, *evidence)


def look_at_margin_table(context: Context) -> Finding:
    """Every parameter of the margin is known for the session."""
    rule = context.rules.margin.on(context.underlying, context.session_day)
    row = rule.price_scan
    told = Evidence(name="price scan in force since", seen=f"{row.valid_from.isoformat()} ({row.source})")
    return _table_ends(context, "margin", context.settings.margin.checked_until, told)


def look_at_events(context: Context) -> Finding:
    """The kinds of events that the table lists are complete up to the furthest expiry of a bucket."""
    tables, first, last = context.settings.events, context.session_day, context.furthest_expiry
    listed = {row.kind for row in tables.known}
    expiries = [expiry.day for expiry in context.rules.contracts.expiries(context.underlying, first)]
    # Beyond the calendar there are no sessions to place weekends in; the row calendar tells of that.
    within = min(last, context.settings.calendar.checked_until)
    ahead = events_between(tables, context.rules.calendar, expiries, first, within)
    missing = [kind for kind in listed if not tables.is_known(kind, first, last)]
    never = sorted(kind.value for kind in ahead.not_known if kind not in listed)
    ends = {row.kind: row.last for row in sorted(tables.known, key=lambda row: row.last)}
    evidence = (
        Evidence(name="events ahead", seen=f"{len(ahead.events)} from {first} to {within}"),
        *(
            Evidence(name=f"{kind.value} known until", seen=f"{ends[kind]}", limit=f"{last} or later")
            for kind in sorted(ends)
        ),
        Evidence(name="kinds that nobody lists", seen=", ".join(never) or "none"),
    )
    if missing:
        kinds = ", ".join(sorted(kind.value for kind in missing))
        return warned(
            f"not known up to {last}: {kinds}; the event score says so instead of counting nothing",
            *evidence,
            mend="add the dates and extend `known` in config/events.toml",
        )
    return passed(f"complete up to {last} for every kind that it lists", *evidence)


def _relations(settings: Settings) -> Iterator[Relation]:
    limits, per_second = settings.limits, settings.upstox.rate["order"].per_second
    for low, high in (
        ("soft_stop_share", "hard_stop_share"),
        ("near_stress_share_max", "stress_loss_share_max"),
        ("margin_used_share_max", "stressed_margin_share_max"),
        ("concentration_share_max", "open_risk_share_max"),
        ("quality_new_trades_min", "quality_full_auto_min"),
    ):
        yield low, getattr(limits, low), high, getattr(limits, high)
    free = 1.0 - limits.free_capital_share_min
    yield "margin_used_share_max", limits.margin_used_share_max, "1 - free_capital_share_min", free
    budget = "upstox.rate.order.per_second"
    yield "orders_per_second_max", limits.orders_per_second_max, budget, per_second
    yield "flat_cost.orders_per_second", settings.flat_cost.orders_per_second, budget, per_second
    for name, bucket in settings.bucket_limits.items():
        trade, all_trades = f"{name}.trade_risk_share_max", f"{name}.open_risk_share_max"
        yield trade, bucket.trade_risk_share_max, all_trades, bucket.open_risk_share_max


def _table_ends(context: Context, table: str, until: date, *evidence: Evidence) -> Finding:
    soon = context.session_day + timedelta(days=TABLE_DAYS_LEFT_MIN)
    ends = Evidence(name=f"{table} checked until", seen=until.isoformat(), limit=f"{soon} or later")
    if until < soon:
        return warned(
            f"the table {table} ends on {until}",
            *evidence,
            ends,
            mend=f"look the rates up, add rows and move checked_until in config/{table}.toml",
        )
    return Finding(verdict=Verdict.PASS, reason=f"covers {context.session_day}", evidence=(*evidence, ends))


def _check(id_: str, title: str, look: Callable[[Context], Finding], *, needs_settings: bool = True) -> Check:
    return Check(id=id_, title=title, look=look, needs_settings=needs_settings)


CONFIG_CHECKS: Final = (
    _check("configuration", "settings load", look_at_configuration, needs_settings=False),
    _check("limits", "risk limits", look_at_limits),
    _check("calendar", "calendar", look_at_calendar),
    _check("contracts", "contract table", look_at_contracts),
    _check("charges", "charges table", look_at_charges),
    _check("margin_table", "margin table", look_at_margin_table),
    _check("events", "scheduled events", look_at_events),
)
