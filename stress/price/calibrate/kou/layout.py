"""The flat vector of a Kou fit, mapped smoothly onto a law that is valid whatever the vector."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.coordinates import Blocks, correlation, split
from stress.price.calibrate.kou.law import KouLaw
from stress.types import Array

SMALLEST_JUMP, LARGEST_JUMP = 1.0, 30.0
"""A jump's mean size in standard deviations of the bar's diffusion: smaller cannot be told from it, larger escapes."""

LARGEST_ODDS = 4.0
"""Log-odds of a jump to be up: beyond, the other side is not seen."""

RAREST_PER_YEAR, MOST_A_BAR = 0.05, 1.0
"""Fewest jumps a year, and most a bar."""

LOCATION = 0.01
"""Unit of the location, in standard deviations of a bar."""


@dataclass(frozen=True)
class KouLayout:
    """What the flat vector holds. Axis: ``A`` markets."""

    scale: np.ndarray  # [A] standard deviation of the bar returns: the unit of location and volatility
    max_jumps_per_year: float
    bar_years: float

    def blocks(self) -> Blocks:
        """Name -> shape, lowest and highest value, in the order of the vector."""
        a, free = len(self.scale), np.inf
        most = min(self.max_jumps_per_year * self.bar_years, MOST_A_BAR)
        often = float(np.log(RAREST_PER_YEAR * self.bar_years)), float(np.log(most))
        size, odds = (0.0, float(np.log(LARGEST_JUMP / SMALLEST_JUMP))), (-LARGEST_ODDS, LARGEST_ODDS)
        own: Blocks = {
            "location": ((a,), -free, free), "volatility": ((a,), -3.0, 1.0),
            "intensity": ((a,), *often), "up": ((a,), *odds), "rise": ((a,), *size), "fall": ((a,), *size)}
        if a == 1:
            return own
        return own | {
            "correlation": ((a * (a - 1) // 2,), -free, free), "common_intensity": ((1,), *often),
            "common_up": ((1,), *odds), "common_rise": ((a,), *size), "common_fall": ((a,), *size)}

    def law(self, vector: Array) -> KouLaw:
        """The law at a vector."""
        p, a = split(self.blocks(), vector), len(self.scale)
        volatility = jnp.exp(p["volatility"]) * self.scale

        def eta(name: str) -> Array:
            return jnp.exp(-p[name]) / (SMALLEST_JUMP * volatility)

        never, joint = jnp.full(a, 1e9), a > 1
        return KouLaw(
            location=p["location"] * LOCATION * self.scale, volatility=volatility,
            correlation=correlation(p["correlation"], a) if joint else jnp.ones((1, 1)),
            intensity=jnp.exp(p["intensity"]), up=jax.nn.sigmoid(p["up"]), eta_up=eta("rise"), eta_down=eta("fall"),
            common_intensity=jnp.exp(p["common_intensity"][0]) if joint else jnp.zeros(()),
            common_up=jax.nn.sigmoid(p["common_up"][0]) if joint else 0.5 * jnp.ones(()),
            common_eta_up=eta("common_rise") if joint else never,
            common_eta_down=eta("common_fall") if joint else never)
