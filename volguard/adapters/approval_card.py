"""A proposal as a person decides on it: one screen of 80 columns and 24 lines, the rest behind a key.

Every line is one line of text, so that what fits is known before it is drawn; nothing needs colour.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from volguard.adapters.approval_answer import HELP_LINES, PromptView
from volguard.adapters.approval_sketch import reaching, sketch
from volguard.adapters.figure_text import ABSENT, amount_text, number_text, percent_text
from volguard.measure.payoff import breakevens
from volguard.model.decision import FigureValue
from volguard.model.proposal import CardLeg, ProposalCard
from volguard.model.signal import Signal
from volguard.model.units import money_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

WIDTH_MIN: Final = 60
CARD_ROWS_MAX: Final = 30
WIDE_COLUMNS: Final = 120
PROMPT_ROWS: Final = 2
SKETCH_ROWS_MAX: Final = 9
REASON_ROWS: Final = 2
NOT_AVAILABLE: Final = "not available"
NO_ADVISOR: Final = f"{NOT_AVAILABLE} (no advisor is configured)"
GREEKS: Final = (
    ("delta 1 %", "delta_pnl_1pct_inr"),
    ("gamma 1 %", "gamma_pnl_1pct_inr"),
    ("vega/pt", "vega_per_pt"),
    ("theta/day", "theta_per_day"),
)
EV_AT: Final = "ev_p_at_"
GAP: Final = "   "
GUTTER: Final = 2
CUT_OFF: Final = " ... (d)"

Line = tuple[tuple[str, str], ...]  # pieces of text with their styles


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Columns and lines of the terminal."""

    width: int
    height: int


def fits(card: ProposalCard, room: Room) -> bool:
    """Whether all that a decision needs can be read in this room: legs, money, risk, the line of input."""
    if room.width < WIDTH_MIN:
        return False
    width = room.width if room.width < WIDE_COLUMNS else room.width // 2
    needed = [*_legs(card), *_money(card, width), *_risk(card, width)]
    return room.height >= 1 + len(needed) + PROMPT_ROWS


def card_screen(
    card: ProposalCard,
    *,
    now: datetime,
    room: Room,
    pending: int,
    alert: str,
    prompt: PromptView | None,
) -> RenderableType:
    """The card with the line of input below it, in at most `room.height` lines; `now` is event time.

    `prompt` None: nobody is asked. `pending`: proposals that wait, this one among them.
    """
    from rich.console import Group

    rows = min(room.height, CARD_ROWS_MAX)
    head = _title(card, now, room.width)
    foot = _foot(prompt, pending=pending, alert=alert, is_readable=fits(card, room))
    body_room = Room(width=room.width, height=rows - 1 - len(foot))
    pages = _detail_pages(card, body_room)
    page = prompt.page % (len(pages) + 1) if prompt is not None else 0
    is_help = prompt is not None and prompt.is_help
    body = pages[page - 1] if page else _body(card, body_room, is_help=is_help)
    return Group(*(_text(line) for line in (head, *body[: body_room.height], *foot)))


def proposal_line(card: ProposalCard) -> str:
    """One proposal on one line, for logs."""
    legs = ", ".join(_leg_words(each) for each in card.legs)
    return (
        f"{card.proposal_id} {card.bucket.value} {card.structure.value} {card.expiry:%Y-%m-%d}: {legs}; "
        f"{_lots(card)}, {_credit_words(card)} INR, max loss {_inr(card.max_loss_inr)} INR, "
        f"until {card.expires_at:%H:%M:%S}"
    )


def notice_line(prompt: PromptView) -> RenderableType:
    """What became of an answer whose proposal is gone, while nothing else waits."""
    return _text(((f"{prompt.notice}   {prompt.line}", "bold"),))


def left_s(card: ProposalCard, now: datetime) -> int:
    """Whole seconds until the card expires, rounded up; 0 when it has."""
    return max(0, math.ceil((card.expires_at - now).total_seconds()))


def _title(card: ProposalCard, now: datetime, width: int) -> Line:
    words = card.structure.value.replace("_", " ").lower()
    left = f" {card.proposal_id} {card.bucket.value} {words} {card.expiry:%d %b %Y}, {_lots(card)}"
    right = f"{left_s(card, now)} s left "
    return ((f"{left}{right:>{max(len(right) + 2, width - len(left))}}", "bold reverse"),)


def _body(card: ProposalCard, room: Room, *, is_help: bool) -> list[Line]:
    if room.width >= WIDE_COLUMNS:
        return _wide_body(card, room, is_help=is_help)
    width = room.width
    lines = [*_legs(card), *_money(card, width), *_risk(card, width), *_why(card, width)]
    if is_help:
        return [*lines[: room.height - len(HELP_LINES)], *_help()]
    return [*lines, *_sketch(card, Room(width=width, height=room.height - len(lines)))]


def _wide_body(card: ProposalCard, room: Room, *, is_help: bool) -> list[Line]:
    left_width = room.width // 2
    right_width = room.width - left_width - GUTTER
    left = [*_legs(card), *_money(card, left_width), *_risk(card, left_width)]
    right: list[Line] = [*_why(card, right_width), ()]
    sketch_room = Room(width=right_width, height=room.height - len(right))
    right += _help() if is_help else _sketch(card, sketch_room)
    return [
        (*_padded(one, left_width + GUTTER), *other) for one, other in zip_longest(left, right, fillvalue=())
    ]


def _padded(line: Line, width: int) -> Line:
    return (*line, (" " * (width - _length(line)), ""))


def _length(line: Line) -> int:
    return sum(len(text) for text, _ in line)


def _legs(card: ProposalCard) -> Iterator[Line]:
    head = f"{'leg':<5}{'contract':<19}{'bid':>9}{'ask':>9}{'IV':>9}{'delta':>9}"
    yield ((head, "dim"),)
    for each in card.legs:
        contract = each.leg.contract
        name = f"{contract.expiry:%d %b %y} {contract.strike} {contract.option_type.value}"
        yield (
            (f"{each.leg.side.value:<5}", "bold"),
            (f"{name:<19}", "bold"),
            (f"{number_text(each.bid):>9}{number_text(each.ask):>9}", ""),
            (f"{percent_text(each.sigma):>9}{number_text(each.delta, 3, is_signed=True):>9}", ""),
        )


def _money(card: ProposalCard, width: int) -> Iterator[Line]:
    figures, per_unit = card.figures, number_text(abs(card.credit_per_unit))
    yield from _named(
        width,
        (_premium_word(card), f"{_inr(abs(card.credit_inr))} ({per_unit} a unit)"),
        ("max loss", _inr(card.max_loss_inr)),
        ("costs", _inr(card.costs_inr)),
    )
    yield from _named(
        width,
        ("margin, our SPAN-style", _inr(card.margin_inr)),
        ("broker's own", _brokers_margin(card)),
        ("book", number_text(_number(figures, "margin_after_inr"), 0)),
    )
    yield from _named(
        width,
        ("EV under P, INR", _ev(card, "ev_p_per_unit")),
        *((_ev_name(name), _ev(card, name)) for name in sorted(figures) if name.startswith(EV_AT)),
        ("P(profit)", percent_text(_number(figures, "probability_of_profit"))),
    )


def _brokers_margin(card: ProposalCard) -> str:
    if card.margin_broker_inr is not None:
        return _inr(card.margin_broker_inr)
    return card.margin_broker_missing or NOT_AVAILABLE


def _risk(card: ProposalCard, width: int) -> Iterator[Line]:
    figures = card.figures
    yield from _named(width, ("worst cell", _word(figures, "worst_cell")))
    yield from _named(
        width,
        ("stressed loss, book after", number_text(_number(figures, "stressed_loss_inr"), 0)),
        ("near cells", number_text(_number(figures, "near_loss_inr"), 0)),
    )
    yield from _named(width, ("flat now", _word(figures, "flat_now")))
    changes = [
        (label, f"{_greek(figures, name, 'before')} \u2192 {_greek(figures, name, 'after')}")
        for label, name in GREEKS
    ]
    first, *others = changes
    yield from _named(width, (f"Greeks of the book, INR: {first[0]}", first[1]), others[0])
    yield from _named(width, *others[1:])


def _why(card: ProposalCard, width: int) -> Iterator[Line]:
    figures = card.figures
    yield from _named(
        width,
        ("regime", _word(figures, "regime")),
        ("signal", _word(figures, "signal")),
        ("level", number_text(card.level)),
        ("quality", number_text(card.quality)),
    )
    told = [reason for reason in card.reasons if reason.partition(" ")[0] not in ("regime", "signal")]
    lines = textwrap.wrap(f"why {'; '.join(told) or ABSENT}", width)
    if len(lines) > REASON_ROWS:
        lines = [*lines[: REASON_ROWS - 1], f"{lines[REASON_ROWS - 1][: width - len(CUT_OFF)]}{CUT_OFF}"]
    for line in lines:
        yield ((line, ""),)
    advisor = figures.get("advisor")
    yield from _named(width, ("advisor", NO_ADVISOR if advisor is None else str(advisor)))


def _sketch(card: ProposalCard, room: Room) -> list[Line]:
    legs = tuple(each.leg for each in card.legs)
    is_one_expiry = len({leg.contract.expiry for leg in legs}) == 1
    ends = breakevens(legs, card.credit_per_unit) if is_one_expiry else ()
    points = reaching(card.payoff, card.level) if is_one_expiry else card.payoff
    told = ", ".join(number_text(each, 0) for each in ends) or ABSENT
    legend = list(
        _named(
            room.width,
            ("at expiry, INR   ^ level", number_text(card.level, 0)),
            ("B breakeven", told),
        )
    )
    drawing = sketch(
        points,
        level=card.level,
        breakevens=ends,
        width=room.width,
        height=min(SKETCH_ROWS_MAX, room.height - len(legend)),
    )
    return [*legend, *(((line, ""),) for line in drawing)] if drawing else []


def _help() -> list[Line]:
    return [((line, ""),) for line in HELP_LINES]


def _detail_pages(card: ProposalCard, room: Room) -> list[list[Line]]:
    facts = {
        "made at": f"{card.made_at:%H:%M:%S}",
        "expires at": f"{card.expires_at:%H:%M:%S}",
        "approval is bound to": card.digest,
    }
    told = [*facts.items(), *(("why", reason) for reason in card.reasons)]
    told += [_signal(signal) for signal in card.signals]
    told += [(name.replace("_", " "), _plain(card.figures[name])) for name in sorted(card.figures)]
    lines = [line for pair in told for line in _named(room.width, pair)]
    size = max(1, room.height - 1)
    chunks = [lines[start : start + size] for start in range(0, len(lines), size)]
    return [
        [((f"detail, page {number} of {len(chunks)}   d: next   Esc: back", "dim"),), *chunk]
        for number, chunk in enumerate(chunks, start=1)
    ]


def _signal(signal: Signal) -> tuple[str, str]:
    name, _, said = signal.line.partition(": ")
    return f"{name.replace('_', ' ')}:", said


def _foot(prompt: PromptView | None, *, pending: int, alert: str, is_readable: bool) -> list[Line]:
    more = f"{pending - 1} more waiting.  " if pending > 1 else ""
    if not is_readable:
        said = "this window is too small to decide in: make it larger"
    else:
        said = prompt.notice if prompt is not None else ""
    above = said or (f"! {alert}" if alert else "")
    line = prompt.line if prompt is not None else "nobody is asked: it will expire"
    return [((f"{more}{above}", "bold" if said else "dim"),), (("> ", "bold"), (line, "bold"))]


def _lots(card: ProposalCard) -> str:
    return f"{card.lots} lot{'' if card.lots == 1 else 's'} of {card.lot_size}"


def _leg_words(each: CardLeg) -> str:
    contract = each.leg.contract
    return f"{each.leg.side.value} {contract.strike} {contract.option_type.value}"


def _credit_words(card: ProposalCard) -> str:
    return f"{_premium_word(card)} {_inr(abs(card.credit_inr))}"


def _premium_word(card: ProposalCard) -> str:
    return "credit" if card.credit_inr >= 0 else "debit"


def _greek(figures: Mapping[str, FigureValue], name: str, when: str) -> str:
    return number_text(_number(figures, f"{name}_portfolio_{when}"), 0, is_signed=True)


def _ev(card: ProposalCard, name: str) -> str:
    value = _number(card.figures, name)
    return number_text(None if value is None else value * card.lots * card.lot_size, 0, is_signed=True)


def _ev_name(name: str) -> str:
    words = name.removeprefix(EV_AT).replace("_", " ")
    return words.replace("plus ", "+").replace("minus ", "\u2212").replace("1pt", "1 pt")


def _inr(amount: Decimal | None) -> str:
    return amount_text(None if amount is None else money_text(amount))


def _number(figures: Mapping[str, FigureValue], name: str) -> float | None:
    value = figures.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value is not None else None


def _word(figures: Mapping[str, FigureValue], name: str) -> str:
    value = figures.get(name)
    return ABSENT if value is None else _plain(value)


def _plain(value: FigureValue) -> str:
    if value is None:
        return ABSENT
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _named(width: int, *pairs: tuple[str, str]) -> Iterator[Line]:
    # As many names with their figures to a line as go in; no figure is ever cut off.
    line: Line = ()
    for name, value in pairs:
        piece: Line = ((f"{name} ", "dim"), (value, ""))
        if line and _length(line) + len(GAP) + _length(piece) > width:
            yield line
            line = ()
        line = (*line, (GAP, ""), *piece) if line else piece
        if _length(line) > width:
            wrapped = textwrap.wrap(f"{name} {value}", width, subsequent_indent="    ")
            yield from (((text, ""),) for text in wrapped)
            line = ()
    if line:
        yield line


def _text(line: Sequence[tuple[str, str]]) -> Text:
    from rich.text import Text

    return Text.assemble(*line, no_wrap=True, overflow="ellipsis")
