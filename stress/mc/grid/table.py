"""Results of rows in one long table, and what a setting's variants make of it.

Axes: ``n`` rows of the table, ``P`` paths, ``V`` variants, ``T`` ticks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse

from stress.mc.block import BlockResult
from stress.mc.cascade import MAIN, TWIN, CascadeRule, open_window, slide
from stress.mc.grid.rows import RowResult

LANES = 256
"""Paths whose cascades are looked for together."""
NEAR = 1.0 - 1e-9
"""Of the threshold: who sold less over the whole horizon had no cascade, whatever the rounding of a window's sum."""


class Table:
    """Rows in the order in which they were simulated; what they sold is kept where they sold something."""

    def __init__(self) -> None:
        self._parts: list[RowResult] = []
        self._sold: list[Any] = []
        self._whole: tuple[RowResult, Any] | None = None
        self.rows = 0

    def add(self, result: RowResult, rows: int) -> None:
        """The first ``rows`` of a batch; the others filled it up."""
        left = replace(result, sold=np.zeros(rows), trace={})
        part = jax.tree.map(lambda leaf: np.array(np.asarray(leaf)[:rows]), left)
        self._parts.append(part)
        self._sold.append(sparse.csr_array(np.asarray(result.sold)[:rows]))
        self._whole, self.rows = None, self.rows + rows

    def whole(self) -> tuple[RowResult, Any]:
        """All rows, and what they sold by tick [n, T], sparse."""
        if self._whole is None:
            joined = jax.tree.map(lambda *leaves: np.concatenate(leaves), *self._parts)
            self._whole = joined, sparse.csr_array(sparse.vstack(self._sold))
            self._parts, self._sold = [joined], [self._whole[1]]
        return self._whole

    def block(self, rule: CascadeRule, rows: np.ndarray) -> BlockResult:
        """What a setting's variants leave, rows [V, P] of the table being its own."""
        table, sold = self.whole()
        left = {name: getattr(table, name) for name in ("outcome", "fund_flow", "vault", "funds", "fairness",
                                                        "sold_coins", "blocked", "factor", "withdrawn")}
        return BlockResult(
            **jax.tree.map(lambda leaf: leaf[rows], left),
            cascade=cascades(rule, sold, rows),  # type: ignore[arg-type]
            fan=np.moveaxis(table.fan[rows[MAIN]], 0, -1),  # type: ignore[arg-type]
            trace={},
            anew=np.zeros(rows.shape[1], bool),  # type: ignore[arg-type]
        )


def cascades(rule: CascadeRule, sold: Any, rows: np.ndarray) -> np.ndarray:
    """Whether paths [P] have a cascade, of what rows of the table sold by tick [n, T]; rows [V, P] as above."""
    found = np.zeros(rows.shape[1], bool)
    if not rule.paired:
        return found
    near = np.flatnonzero(sold[rows[MAIN]].sum(1) > NEAR * float(rule.threshold))
    for start in range(0, len(near), LANES):
        some = near[start : start + LANES]
        pair = np.zeros((2, LANES, sold.shape[1]))
        for which in (MAIN, TWIN):
            pair[which, : len(some)] = sold[rows[which, some]].toarray()
        found[some] = np.asarray(_slid(rule, np.moveaxis(pair, 2, 0)))[: len(some)]
    return found


@jax.jit
def _slid(rule: CascadeRule, pair: Any) -> Any:
    """Cascades [LANES] of what was sold [T, 2, LANES]."""

    def tick(window: Any, now: Any) -> tuple[Any, None]:
        number, sold = now
        return slide(rule, window, sold, number, number > 0), None

    numbers = jnp.arange(1, pair.shape[0] + 1, dtype=jnp.int32)
    return jax.lax.scan(tick, open_window(rule, pair.shape[2]), (numbers, pair))[0].cascade
