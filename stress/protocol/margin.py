"""Margin requirements: marginal tiers on the notional of a position.

The requirement of a position of notional ``x`` is ``max_k (rate_k * x - deduction_k)``: with rates that do not
fall from tier to tier this is the slab-by-slab sum, continuous and convex in ``x`` (Binance's and Bybit's
"maintenance amount" is the deduction).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MarginTable:
    """Tiers of every market. Axes: ``A`` markets, ``K`` tiers."""

    rate: jax.Array  # [A, K] decimal
    deduction: jax.Array  # [A, K] USD

    def requirement(self, notional: jax.Array) -> jax.Array:
        """Requirement in USD of notional [A, ...] in USD, per market."""
        tiers = range(self.rate.shape[-1])
        pad = (slice(None),) + (None,) * (notional.ndim - 1)
        levels = [self.rate[:, k][pad] * notional - self.deduction[:, k][pad] for k in tiers]
        return jax.tree_util.tree_reduce(jnp.maximum, levels)

    def marginal(self, notional: jax.Array) -> jax.Array:
        """Marginal rate [A, ...] at notional [A, ...]; at a tier's bound that of the tier below."""
        pad = (slice(None),) + (None,) * (notional.ndim - 1)
        best, rate = self.rate[:, 0][pad] * notional - self.deduction[:, 0][pad], self.rate[:, 0][pad]
        for k in range(1, self.rate.shape[-1]):
            level = self.rate[:, k][pad] * notional - self.deduction[:, k][pad]
            rate = jnp.where(level > best, self.rate[:, k][pad], rate)
            best = jnp.maximum(best, level)
        return jnp.broadcast_to(rate, notional.shape)

    @property
    def steepest(self) -> jax.Array:
        """Largest marginal rate [A]: no requirement grows faster with notional."""
        return jnp.max(self.rate, axis=-1)


def margin_table(bounds: list[np.ndarray], rates: list[np.ndarray]) -> MarginTable:
    """Tiers per market (upper bounds in USD, the last infinite; marginal rates) as one padded table."""
    width = max(len(r) for r in rates)
    rate = np.zeros((len(rates), width))
    deduction = np.zeros((len(rates), width))
    for a, (bound, r) in enumerate(zip(bounds, rates, strict=True)):
        cuts = np.concatenate([[0.0], bound[:-1]])
        steps = np.diff(np.concatenate([[0.0], r])) * cuts
        rate[a] = np.pad(r, (0, width - len(r)), mode="edge")
        deduction[a] = np.pad(np.cumsum(steps), (0, width - len(r)), mode="edge")
    return MarginTable(rate=rate, deduction=deduction)  # type: ignore[arg-type]
