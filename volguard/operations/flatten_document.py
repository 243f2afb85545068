"""A flatten as one JSON document, `volguard.flatten/1`: money and prices as text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from volguard.execution.flatten import FlattenPlan, PlannedExit
from volguard.measure.broker_net import pending_units
from volguard.model.broker import BrokerOrder
from volguard.model.units import money_text
from volguard.operations.flatten import Flattened, Looked
from volguard.operations.flatten_desk import FlattenDesk
from volguard.operations.flatten_loop import FlattenOutcome, FlattenState
from volguard.operations.flatten_paper import PaperSession

SCHEMA: Final = "volguard.flatten/1"


def plan_document(desk: FlattenDesk, looked: Looked | None) -> dict[str, Any]:
    """What would be done: `plan` null where the broker's books could not be read, or nobody is logged in."""
    plan = None if looked is None else looked.plan
    return {
        **_head(desk),
        "state": "plan" if looked is None or not looked.is_zero else "already_flat",
        "plan": None if plan is None else _plan(plan),
        "not_touched": [] if looked is None else list(looked.other_positions),
        "troubles": {} if looked is None else looked.troubles,
        "papers": [_paper(one) for one in desk.papers],
    }


def flat_document(desk: FlattenDesk, looked: Looked | None, done: Flattened) -> dict[str, Any]:
    """What was done, and what remains."""
    broker, taken = done.broker, done.taken_over
    plan = None if looked is None else looked.plan
    return {
        **_head(desk),
        "state": _state(desk, looked, done),
        "plan": None if plan is None else _plan(plan),
        "not_touched": [] if looked is None else list(looked.other_positions),
        "kill_switch": taken.kill_switch,
        "session": taken.session,
        "journal_lock": taken.lock_words,
        "side_file": done.side_file,
        **(_outcome(broker) if broker is not None else {}),
        "broker_lock": done.broker_lock or None,
        "papers": [_paper(one) for one in done.papers],
    }


def _state(desk: FlattenDesk, looked: Looked | None, done: Flattened) -> str:
    broker = done.broker
    if broker is None:
        return FlattenState.NOT_KNOWN.value
    if broker.state is not FlattenState.FLAT:
        return broker.state.value
    if not done.is_flat:
        return FlattenState.NOT_FLAT.value
    was_zero = looked is not None and looked.is_zero and all(one.is_flat for one in desk.papers)
    return "already_flat" if was_zero and not (broker.orders_sent or broker.sweeps) else broker.state.value


def _head(desk: FlattenDesk) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "account": desk.account,
        "broker": desk.base_url,
        "is_rehearsal": desk.is_rehearsal,
        "is_logged_in": desk.edge is not None,
        "has_live_session": desk.has_live_session,
    }


def _plan(plan: FlattenPlan) -> dict[str, Any]:
    return {
        "cancel_first": [_order(order) for order in plan.cancels],
        "kept_orders": [_order(order) for order in plan.kept],
        "exits": [_exit(one) for one in plan.exits],
        "only_by_exit_all": [
            {"name": one.holding.name, "quantity": one.holding.quantity, "why": one.why}
            for one in plan.unorderable
        ],
        "orders": plan.orders,
        "cost_inr": _money(plan.cost_inr),
        "seconds": plan.seconds,
    }


def _exit(one: PlannedExit) -> dict[str, Any]:
    return {
        "wave": one.wave,
        "symbol": one.holding.name,
        "product": one.holding.product,
        "held": one.holding.quantity,
        "side": one.holding.closing_side.value,
        "working": one.working,
        "slices": list(one.slices),
        "first_price": _money(one.first_price),
        "last_price": _money(one.last_price),
        "measured_from": None if one.basis is None else one.basis.value,
        "half_spread_inr": _money(one.half_spread_inr),
        "walk_inr": _money(one.walk_inr),
        "charges_inr": _money(one.charges_inr),
        "cost_inr": _money(one.cost_inr),
        "gap": one.gap,
    }


def _outcome(broker: FlattenOutcome) -> dict[str, Any]:
    return {
        "remaining": [
            {
                "name": one.holding.name,
                "key": one.holding.key,
                "product": one.holding.product,
                "quantity": one.holding.quantity,
                "why": one.why,
                "is_cover": one.is_cover,
            }
            for one in broker.remaining
        ],
        "working_orders": [_order(order) for order in broker.working],
        "troubles": dict(broker.troubles),
        "orders_sent": broker.orders_sent,
        "exit_alls": broker.sweeps,
        "paid_beyond_mid_inr": money_text(broker.paid_inr),
        "seconds": round(broker.seconds, 1),
    }


def _order(order: BrokerOrder) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "tag": order.tag,
        "symbol": order.contract.symbol if order.contract is not None else str(order.key),
        "side": order.side.value,
        "open_quantity": pending_units(order),
        "limit_price": _money(order.limit_price),
        "word": order.word,
    }


def _paper(one: PaperSession) -> dict[str, Any]:
    return {
        "journal": one.journal.name,
        "held": None if one.held is None else list(one.held),
        "is_flat": one.is_flat,
        "trouble": one.trouble,
    }


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else money_text(amount)
