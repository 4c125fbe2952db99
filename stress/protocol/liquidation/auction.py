"""A liquidator's fee that grows while nobody liquidates. Source: Drift v2 ``math/liquidation.rs``."""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace


def liquidator_fee(elapsed: Values, base: Values, largest: Values, grace: Values, growth: Values) -> Values:
    """Rate [...] after ``elapsed`` [...] slots without activity: ``base`` in the ``grace``, then more for all."""
    xp = namespace(elapsed)
    return xp.where(elapsed < grace, base, xp.minimum(base + growth * elapsed, largest))
