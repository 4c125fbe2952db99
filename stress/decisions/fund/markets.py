"""One shared fund, or one for each market: what pooling saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stress.decisions.desk import Desk, Run
from stress.decisions.fund.targets import at_target
from stress.errors import UserError
from stress.mc.estimators.diversification import own_funds

KEY = "protocol.insurance"
PREFIX = "fund_drawdown_"


def by_market(desk: Desk, bare: Mapping[str, Any], targets: Sequence[float]) -> dict[str, Any]:
    """Funds in USD of each market alone, their sum, the shared one, and the share of the money that pooling saves.

    The venue runs once with each ``protocol.insurance.scope``. With unlimited funds both do the same, so they differ in
    whose deficits are whose alone: that of an account in several markets falls on their funds by its maintenance
    requirements. Only a limit on payments (``paid_at_most_usd``) makes a difference, since it is that of each fund.
    """
    if len(desk.base.markets) == 1:
        return {"reason": "there is one market"}
    try:
        shared, own = desk.runs([_setting(desk, bare, scope) for scope in ("shared", "market")], label="funds")
    except UserError as error:
        return {"reason": str(error)}
    return {"reason": None, "rows": [_row(shared, own, target) for target in targets]}


def _setting(desk: Desk, bare: Mapping[str, Any], scope: str) -> dict[str, Any]:
    """Changes that give the fund a scope; none but the ``bare`` ones where it has it."""
    rules = desk.config.protocol.insurance
    if rules is None:
        return dict(bare) if scope == "shared" else {**bare, KEY: {"scope": scope}}
    if rules.scope == scope:
        return dict(bare)
    return {**bare, f"{KEY}.scope": scope, f"{KEY}.shares": None}


def _row(shared: Run, own: Run, target: float) -> dict[str, Any]:
    confidence, markets = shared.paths.confidence, shared.study.markets
    together = np.column_stack([own.paths.known(PREFIX + market) for market in markets])
    total, saved = own_funds(shared.paths.known("fund_drawdown"), together, 1 - target, confidence)
    alone = {market: at_target(own.paths.sample(PREFIX + market), target, confidence) for market in markets}
    return {"target": target, "own": alone,
            "shared": at_target(shared.paths.sample("fund_drawdown"), target, confidence),
            "sum": total.metric(confidence, "USD"), "saved": saved.metric(confidence, "share")}
