"""How ADL treats those in profit, as a table."""

from __future__ import annotations

import numpy as np

from stress.report.figures.fairness import SHARES
from stress.report.format import count, percent, plain, usd
from stress.report.load import Run
from stress.report.tables import Table

LEVELS = (0.5, 0.9, 1.0)
"""Of the quantiles: half of the paths, nine of ten, the worst."""


def fairness_table(run: Run) -> Table | None:
    """Mean and quantiles over the paths with ADL; None where it was not measured or did not happen."""
    hit, cost = run.column("adl_hit_share"), run.column("adl_cost")
    if hit is None or cost is None:
        return None
    kinds = {name: (title, plain if name == "adl_gini" else percent) for name, title in SHARES.items()}
    kinds["adl_cost"] = ("given up by winners", usd)
    rows = []
    for name, (title, words) in kinds.items():
        values = run.column(name)
        chosen = np.isfinite(hit) if values is None else np.isfinite(hit) & np.isfinite(values)
        if values is None or not chosen.any():
            continue
        weight = run.weight[chosen] / run.weight[chosen].sum()
        numbers = [float((values[chosen] * weight).sum()), *(_quantile(values[chosen], weight, p) for p in LEVELS)]
        rows.append([title, *(words(number) for number in numbers), count(chosen.sum())])
    return Table(["on paths with ADL", "mean", "median", "9 of 10 paths below", "worst path", "paths"], rows)


def _quantile(values: np.ndarray, weight: np.ndarray, level: float) -> float:
    order = np.argsort(values, kind="stable")
    place = np.searchsorted(np.cumsum(weight[order]), level * (1 - 1e-12))
    return float(values[order][min(int(place), len(values) - 1)])
