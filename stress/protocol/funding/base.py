"""The contract of funding: when it is paid, and by which rule the rate comes about.

At every payment each long pays each short rate x mark x size (the reverse at a negative rate), the outside market
included, so it sums to zero. Where rates of the sides differ (``SkewRule.sides``), what one side pays is what the other
receives: the residual account and whoever took over liquidated positions stand aside.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import jax

from stress.protocol.premium import PremiumProcess
from stress.types import Array


class PremiumRule(ABC):
    """The contract of rates that follow from the premium of the moment."""

    @abstractmethod
    def rate(self, premium: Array) -> Array:
        """Rate [A] of a payment for a premium [A]; at rate > 0 longs pay."""


class SkewRule(ABC):
    """The contract of rates that move with the skew of the book, from payment to payment."""

    initial: Array
    """Level of the rate at time zero [A]."""

    @abstractmethod
    def next(self, level: Array, longs: Array, shorts: Array, price: Array) -> tuple[Array, Array]:
        """The level [A] after an interval, and the rate [A] of its payment; at rate > 0 longs pay.

        ``longs`` and ``shorts`` [A] are units > 0 of all accounts but the residual one, ``price`` [A] USD per unit.
        """

    @abstractmethod
    def sides(self, rate: Array, longs: Array, shorts: Array) -> tuple[Array, Array] | None:
        """Rates [A] of longs and of shorts where accounts pay each other; None where everybody pays ``rate`` [A]."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Funding:
    """When payments are due, the exogenous premium, and the rule."""

    interval: Array  # [] int32 ticks between payments, NEVER for none
    premium: Array  # [A] exogenous premium, of a process its mean
    process: PremiumProcess | None  # None: the premium is constant
    rule: PremiumRule | SkewRule

    def due(self, tick: Array) -> Array:
        """Whether this tick pays."""
        return tick % self.interval == 0

    def rate(self, displacement: Array, premium: Array | None = None) -> Array:
        """Rate [A] of this payment by the premium; at rate > 0 longs pay.

        ``displacement`` [A] is mark / fundamental - 1, ``premium`` [A] the exogenous one where there is a process.
        """
        assert not isinstance(self.rule, SkewRule)  # the caller's branch
        return self.rule.rate(displacement + (self.premium if premium is None else premium))
