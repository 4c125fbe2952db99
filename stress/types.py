"""Array alias and the axis letters, which mean nothing else anywhere.

``P`` paths, ``T`` ticks, ``A`` markets, ``N`` margin accounts, ``R`` regimes, ``K`` margin tiers, ``V`` variants.
"""

import jax
import jax.numpy as jnp

Array = jax.Array

NEVER = int(jnp.iinfo(jnp.int32).max)
"""Tick number that never comes."""
