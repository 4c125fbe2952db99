"""Funding with a deadband: no rate while the premium is small, what is beyond the band else.

    F = max(width, P) + min(-width, P)

Source: Deribit's documents (perpetual funding; there the width is 0.025 %).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.protocol.funding.base import PremiumRule
from stress.types import Array


def deadband_rate(premium: Array, width: Array, cap: Array | float = jnp.inf) -> Array:
    """Rate [...] for a premium [...], at most ``cap`` in size; at rate > 0 longs pay."""
    return jnp.clip(jnp.maximum(premium, width) + jnp.minimum(premium, -width), -cap, cap)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Deadband(PremiumRule):
    """F of the venue's premium at every payment."""

    width: Array  # [] premium on either side that costs nothing
    cap: Array  # [] largest |rate|

    def rate(self, premium: Array) -> Array:
        """Rate [A] of a payment."""
        return deadband_rate(premium, self.width, self.cap)
