"""The law of one bar under Kou's jumps: normal, plus own and common compound Poisson jumps, by its transform.

Kou (2002), eq. 2: a log-jump is up with probability p, exponential with rate eta_up, else down with rate eta_down. A
common jump has one sign and one exponential for all markets, divided by each market's eta.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from stress.types import Array

Values = Array | np.ndarray


class KouLaw(NamedTuple):
    """Parameters per bar. Axis: ``A`` markets."""

    location: Values  # [A] mean of the log-return without jumps
    volatility: Values  # [A] standard deviation of the log-return without jumps
    correlation: Values  # [A, A] of the diffusion
    intensity: Values  # [A] own jumps a bar
    up: Values  # [A] probability of an own jump to be up
    eta_up: Values  # [A] rate of the own up-jumps
    eta_down: Values  # [A]
    common_intensity: Values  # [] common jumps a bar
    common_up: Values  # []
    common_eta_up: Values  # [A]
    common_eta_down: Values  # [A]


def transform(law: KouLaw, u: list[Array]) -> Array:
    """E[exp(i sum_a u_a y_a)] at frequencies ``u``, an array a market, broadcast together."""
    exponent = jnp.zeros((), jnp.complex128)
    rise, fall = jnp.zeros(()), jnp.zeros(())
    for a, frequency in enumerate(u):
        up, rises, falls = law.up[a], frequency / law.eta_up[a], frequency / law.eta_down[a]
        own = up / (1 - 1j * rises) + (1 - up) / (1 + 1j * falls)
        exponent = exponent + 1j * frequency * law.location[a] + law.intensity[a] * (own - 1)
        rise, fall = rise + frequency / law.common_eta_up[a], fall + frequency / law.common_eta_down[a]
        for b, other in enumerate(u[: a + 1]):
            shared = law.volatility[a] * law.volatility[b] * law.correlation[a, b]
            exponent = exponent - (0.5 if a == b else 1.0) * shared * frequency * other
    common = law.common_up / (1 - 1j * rise) + (1 - law.common_up) / (1 + 1j * fall)
    return jnp.exp(exponent + law.common_intensity * (common - 1))


def part(law: KouLaw, markets: Values) -> KouLaw:
    """The law of some markets [n], by position."""
    own = {name: jnp.asarray(value)[markets] for name, value in law._asdict().items() if np.ndim(value) == 1}
    correlation = jnp.asarray(law.correlation)[markets][:, markets]
    return law._replace(correlation=correlation, **own)


def moments(law: KouLaw) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance [A] of a bar."""
    def of(intensity: Values, up: Values, high: Values, low: Values) -> tuple[Values, Values]:
        return intensity * (up / high - (1 - up) / low), 2 * intensity * (up / high**2 + (1 - up) / low**2)

    own = of(law.intensity, law.up, law.eta_up, law.eta_down)
    common = of(law.common_intensity, law.common_up, law.common_eta_up, law.common_eta_down)
    return (np.asarray(law.location + own[0] + common[0]), np.asarray(law.volatility**2 + own[1] + common[1]))


def growth(law: KouLaw) -> Values:
    """What jumps add [A] to the log of E[price] in a bar."""
    own = law.up / (law.eta_up - 1) - (1 - law.up) / (law.eta_down + 1)
    common = law.common_up / (law.common_eta_up - 1) - (1 - law.common_up) / (law.common_eta_down + 1)
    return law.intensity * own + law.common_intensity * common
