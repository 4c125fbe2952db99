"""Outcomes by size of the shock, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from stress.decisions.critical.scopes import TOGETHER, Scope
from stress.decisions.critical.shots import Gun
from stress.engine.state import STATUS_NAMES

AMOUNTS = ("bad_debt", "insurance_paid", "adl_haircut", "adl_notional", "socialised_loss", "uncovered",
           "liquidated_notional", "liquidated_notional_twin", "amplification", "max_displacement")
"""Columns that a curve has under their own names."""


def curve(gun: Gun, scope: Scope, size: np.ndarray, columns: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """A row for each shock [n], of its outcome columns [n]."""
    share = interest_share(gun, scope, columns)
    return [{"size": float(size[i]), **{name: number(columns[name][i]) for name in AMOUNTS},
             "fund_left": number(columns["fund_end"][i]), "fund_needed": number(columns["fund_drawdown"][i]),
             "interest_share": number(share[i]), "rounds": int(columns["rounds"][i]),
             "depleted": bool(columns["depleted"][i]), "cascade": bool(columns["cascade"][i]),
             "own_share": number(own_share(columns)[i]), "status": STATUS_NAMES[int(columns["status"][i])]}
            for i in range(len(size))]


def interest_share(gun: Gun, scope: Scope, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Liquidated notional [n] of the markets that move over their open interest of one side at the start."""
    interest = gun.base.book.open_interest(gun.base.prices0)
    if scope.name == TOGETHER or len(interest) == 1:
        return np.asarray(columns["liquidated_notional"]) / interest.sum()
    mine = interest[list(gun.base.markets).index(scope.name)]
    liquidated = np.asarray(columns[f"liquidated_{scope.name}"])
    return liquidated / mine if mine > 0 else np.full(len(liquidated), np.nan)


def own_share(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Share [n] of what is liquidated that is the venue's own doing: what the twin does not liquidate."""
    main, twin = (np.asarray(columns[name], float) for name in ("liquidated_notional", "liquidated_notional_twin"))
    return np.divide(main - twin, main, out=np.full(len(main), np.nan), where=main > 0)


def number(value: Any) -> float | None:
    """A finite number, or null."""
    found = float(value)
    return found if math.isfinite(found) else None


def why_no_cascade(gun: Gun, rows: list[dict[str, Any]]) -> str:
    """Why no shock of a curve is a cascade by the configured rule."""
    rule = gun.desk.config.cascade
    interest = float(gun.base.book.open_interest(gun.base.prices0).sum())
    large = [r for r in rows if (r["liquidated_notional"] or 0.0) > rule.open_interest_share * interest]
    up_to = f"no shock up to {100 * rows[-1]['size']:.6g} % starts one: "
    if not large:
        return up_to + f"none liquidates more than {100 * rule.open_interest_share:.3g} % of the open interest"
    most = max(large, key=lambda r: r["own_share"] or 0.0)
    return up_to + (f"the venue's own selling is at most {100 * (most['own_share'] or 0.0):.3g} % of what is "
                    f"liquidated, at {100 * most['size']:.6g} %; the rule wants more than half")
