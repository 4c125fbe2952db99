"""The contract of a diffusion part: the continuous part of the log-return, whose variance it knows.

Axes: ``R`` regimes, ``A`` markets.
"""

from __future__ import annotations

from typing import Any, Protocol

from stress.price.base import Draws, Noise
from stress.types import Array


class DiffusionPart(Protocol):
    """A frozen PyTree. Its log-return grows by ``drift``: E[exp(log-return)] = exp(drift x time)."""

    def draws(self) -> Draws:
        """Noise wanted in every step."""
        ...

    def init(self) -> Any:
        """State of one path at time zero."""
        ...

    def step(self, state: Any, noise: Noise, occupied: Array, tick: Array) -> tuple[Any, Array]:
        """State and log-return [A] of tick ``tick`` [] with ``occupied`` years [R] in each regime."""
        ...

    def scaled(self, factor: Array) -> DiffusionPart:
        """The part whose volatility, as the price sees it, is ``factor`` [A] times as high."""
        ...


def mixed(occupied: Array, scale: Array, factor: Array, normal: Array) -> Array:
    """Sum over regimes of sqrt(years) x scale x correlated normals [A].

    ``occupied`` [R], ``scale`` [R, A], ``factor`` [R, A, A] lower Cholesky factors, ``normal`` [R, A].
    """
    correlated = (factor.astype(normal.dtype) * normal[:, None, :]).sum(-1)
    return (occupied[:, None] ** 0.5 * scale * correlated).sum(0)
