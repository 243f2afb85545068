"""Rules of the trade, the bucket and the whole book after the trade."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from volguard.measure.margin import NoMargin
from volguard.measure.stress_book import StressUnavailable
from volguard.model.decision import Breach
from volguard.model.units import figure
from volguard.risk.concentration import GroupKey
from volguard.risk.facts import ReviewInputs, missing, over
from volguard.risk.limits import Limits


def trade_budget(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """The trade's risk and capital fit its bucket, and it is not one too many."""
    budget = inputs.trade.budget
    if budget is None:
        return [missing("trade_risk", "the bucket's budget")]
    breaches = []
    new_risk, margin = inputs.trade.risk_inr, inputs.trade.margin_inr
    if new_risk > budget.trade_risk_max_inr:
        breaches.append(over("trade_risk", "trade risk", new_risk, budget.trade_risk_max_inr))
    if margin is None:
        breaches.append(missing("bucket_capital", "the margin of the trade"))
    elif max(new_risk, margin) > budget.capital_free_inr:
        used = max(new_risk, margin)
        breaches.append(over("bucket_capital", "capital used", used, budget.capital_free_inr))
    if budget.open_trades >= budget.open_trades_max:
        count, most = budget.open_trades, budget.open_trades_max
        text = f"{count} trades of the bucket are open, limit {most}"
        breaches.append(Breach(rule="open_trades", value=float(count), limit=float(most), text=text))
    if inputs.trade.key in budget.held:
        expiry, structure = inputs.trade.key
        text = f"{structure.value} of {expiry.isoformat()} is held already"
        breaches.append(Breach(rule="one_per_expiry", value=structure.value, limit="none", text=text))
    return breaches


def account_risk(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """Open risk of all buckets, and capital left free, against the account."""
    if inputs.account_inr is None:
        return [missing("open_risk", "the account's capital")]
    if inputs.open_risk_after_inr is None:
        return [missing("open_risk", "open risk after the trade")]
    account, risk = inputs.account_inr, inputs.open_risk_after_inr
    breaches = []
    limit = account * Decimal(str(limits.open_risk_share_max))
    if risk > limit:
        breaches.append(over("open_risk", "open risk after the trade", risk, limit))
    if inputs.capital_used_after_inr is None:
        return [*breaches, missing("free_capital", "capital used after the trade")]
    free, free_min = (
        account - inputs.capital_used_after_inr,
        account * Decimal(str(limits.free_capital_share_min)),
    )
    if free < free_min:
        text = f"free capital would be {free:.2f}, limit {free_min:.2f}"
        breaches.append(Breach(rule="free_capital", value=float(free), limit=float(free_min), text=text))
    return breaches


def concentration(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """Trades that share expiry and side count as one."""
    account, groups = inputs.account_inr, inputs.concentration_after
    if account is None or groups is None:
        return [missing("concentration", "the open risk by expiry and side")]
    limit = account * Decimal(str(limits.concentration_share_max))
    return [
        over("concentration", f"open risk of {_group_text(group.key)}", group.open_risk_inr, limit)
        for group in groups
        if group.open_risk_inr > limit
    ]


def portfolio_greeks(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """Greeks of the whole book after the trade, in rupees, against shares of the account."""
    after = inputs.risk_after.exposure if inputs.risk_after is not None else None
    account = inputs.account_inr
    if account is None:
        return [missing("portfolio_greeks", "the account's capital")]
    if after is None:
        return [missing("portfolio_greeks", "Greeks of a leg")]
    seen = (
        ("delta", abs(after.delta_pnl_1pct_inr), limits.delta_1pct_share_max),
        ("gamma", abs(after.gamma_pnl_1pct_inr), limits.gamma_1pct_share_max),
        ("vega", abs(after.vega_per_pt), limits.vega_per_pt_share_max),
        ("theta", max(-after.theta_per_day, 0.0), limits.theta_per_day_share_max),
    )
    breaches = []
    for name, value, share in seen:
        limit = figure(share * float(account))
        if not value <= limit:  # nan is no pass
            text = f"{name} after the trade was {value:.0f} rupees, limit {limit:.0f}"
            breaches.append(Breach(rule=f"portfolio_{name}", value=figure(value), limit=limit, text=text))
    return breaches


def portfolio_stress(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """The worst cell of the whole book after the trade, and the worst of the near ones."""
    account, after = inputs.account_inr, inputs.risk_after
    if account is None:
        return [missing("stress", "the account's capital")]
    if after is None:
        return [missing("stress", "the stress of the book")]
    if isinstance(after.stress, StressUnavailable):
        return [missing("stress", f"the stress of the book ({after.stress.text})")]
    seen = (
        ("stress", "stressed loss", after.stress.stressed_loss_inr, limits.stress_loss_share_max),
        ("near_stress", "loss of a near move", after.stress.near_loss_inr, limits.near_stress_share_max),
    )
    breaches = []
    for rule, what, value, share in seen:
        limit = figure(share * float(account))
        if not value <= limit:
            worst = f" ({after.stress.worst.text})" if rule == "stress" and after.stress.worst else ""
            text = f"{what} after the trade was {value:.0f} rupees{worst}, limit {limit:.0f}"
            breaches.append(Breach(rule=rule, value=figure(value), limit=limit, text=text))
    return breaches


def portfolio_margin(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """Margin of the whole book after the trade, now and after a near move, against the account."""
    account, after = inputs.account_inr, inputs.risk_after
    if account is None:
        return [missing("margin", "the account's capital")]
    if after is None:
        return [missing("margin", "the margin of the book")]
    seen = (
        ("margin", "margin", after.margin, limits.margin_used_share_max),
        ("stressed_margin", "margin after a near move", after.margin_moved, limits.stressed_margin_share_max),
    )
    breaches = []
    for rule, what, margin, share in seen:
        if isinstance(margin, NoMargin):
            breaches.append(missing(rule, f"the {what} ({margin.reason})"))
            continue
        value, limit = figure(margin.total_inr), figure(share * float(account))
        if not value <= limit:
            text = f"{what} would be {value:.0f} rupees, limit {limit:.0f}"
            breaches.append(Breach(rule=rule, value=value, limit=limit, text=text))
    return breaches


def _group_text(key: GroupKey) -> str:
    return f"{key.expiry.isoformat()} {key.option_type.value}"
