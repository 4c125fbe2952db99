"""The contract of a margin requirement: at a given size, the largest of a few lines in the position's notional.

Tiers on the notional are such lines whatever the size; a rate that depends on the size is one line. All of a curve but
its slope in size follows from them: the requirement, how steep it is, and the price at which an account falls short.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.types import Array

Values = Any
"""An array of JAX or of NumPy."""

Line = tuple[Values, Values]
"""Rate, decimal, and deduction in USD: rate x notional - deduction."""

SIZE_STEPS = 32
"""Newton steps of a curve whose rate grows with the size: enough for a share of 2^-26."""


class MarginCurve(ABC):
    """Requirements of positions. Axes: ``A`` markets, then any others; arrays are JAX's or NumPy's.

    Rates are below one. ``liquidation.restore_target`` needs a requirement that is convex in a position's size.
    """

    @abstractmethod
    def lines(self, units: Values) -> list[Line]:
        """Lines [A, ...] of positions of ``units`` [A, ...] >= 0."""

    @abstractmethod
    def marginal(self, units: Values, notional: Values) -> Values:
        """USD [A, ...] of requirement that goes with each USD of ``notional`` [A, ...] that is closed."""

    @property
    @abstractmethod
    def newton_steps(self) -> int:
        """Newton steps that find what share of all positions has a given requirement, from the largest share down."""

    def requirement(self, units: Values, notional: Values) -> Values:
        """Requirement [A, ...] in USD of positions of ``units`` [A, ...] >= 0 and ``notional`` [A, ...] in USD."""
        levels = [rate * notional - deduction for rate, deduction in self.lines(units)]
        return reduce(namespace(notional).maximum, levels)

    def steepest(self, units: Values) -> Values:
        """Largest growth [A, ...] of the requirement with the notional of ``units`` [A, ...], at any price."""
        return reduce(namespace(units).maximum, [rate for rate, _ in self.lines(units)])


def namespace(values: Values) -> Any:
    """The module whose functions work on ``values``: NumPy, in double precision, but for arrays of JAX and its tracers.

    Books are made with NumPy, before anything compiles.
    """
    return jnp if isinstance(values, jax.Array) else np


def spread(numbers: Array, like: Values) -> Values:
    """Numbers [A] with the other axes of ``like`` [A, ...]."""
    return numbers[(..., *(None,) * (like.ndim - 1))]
