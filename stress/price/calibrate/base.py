"""The contract of a model that can be fitted: a sample in, a fit out; and the fitted law in motion.

A model is one file in ``models/`` with a :class:`Fitter`, and a line in ``models/table.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from stress.config.price import PriceConfig
from stress.units import years

Numbers = np.random.Generator


@dataclass(frozen=True)
class Sample:
    """What a model is fitted to. Axes: ``T`` bars, ``A`` markets."""

    markets: list[str]
    returns: np.ndarray  # [T, A] log-returns of bars; NaN: not seen
    bar_seconds: float

    @property
    def bar_years(self) -> float:
        """Length of a bar."""
        return years(self.bar_seconds)


@dataclass(frozen=True)
class Options:
    """What the configuration says about fitting; each model takes what concerns it."""

    assumed: PriceConfig  # what prices do not say is taken from the preset asked for
    starts: int
    seed: int
    regimes: int
    separation: float
    max_jumps_per_year: float
    max_kou_jumps_per_year: float
    max_hawkes_jumps_per_year: float
    joint_markets: int


@dataclass(frozen=True)
class Estimate:
    """One parameter."""

    name: str
    estimate: float
    standard_error: float | None
    unit: str


@dataclass(frozen=True)
class Likelihood:
    """Log-likelihood of a sample: of all markets together (None: the law has no joint density), and of each alone."""

    joint: float | None
    marginal: np.ndarray  # [A]; of a market's own bars, given the same parameters


class Dynamics(Protocol):
    """The fitted law in motion, bar by bar, in plain NumPy: what the preset implies, seen with the sample's own eyes.

    The expected price is constant (drift zero), as in the preset.
    """

    def simulate(self, bars: int, paths: int, random: Numbers) -> np.ndarray:
        """Log-returns [T, P, A], from the stationary law on."""
        ...

    def predict(self, returns: np.ndarray, at: np.ndarray, bars: int, draws: int, random: Numbers) -> np.ndarray:
        """Draws [n, P, A] of the summed log-returns of ``bars`` bars from each bar of ``at`` [n] on, each from what the
        returns [T, A] before it tell."""
        ...

    def likelihood(self, returns: np.ndarray) -> Likelihood:
        """Log-likelihood of returns [T, A] (NaN: not seen)."""
        ...


@dataclass(frozen=True)
class Fitted:
    """A fitted model."""

    parameters: list[Estimate]
    log_likelihood: float  # what was maximised, in the words of the fitter's method
    free: int  # free parameters
    between: int  # of these, those that only say how markets move together: the law of one market is free of them
    warnings: list[str]
    section: dict[str, Any]  # the price section of the preset: what follows the initial prices
    dynamics: Dynamics
    notes: dict[str, str] = field(default_factory=dict)  # comments in the preset, by dotted key; above it with '#'
    settings: dict[str, Any] = field(default_factory=dict)  # options the result depends on, for the provenance
    assumed: list[str] = field(default_factory=list)  # keys that the data do not say


class Fitter(Protocol):
    """A model that can be fitted."""

    name: str
    about: str  # one sentence, the first line of the preset
    method: str  # how it is fitted, for the provenance
    fewest: int  # fewest returns of a market, and of all markets together

    def fit(self, sample: Sample, options: Options) -> Fitted:
        """Fit the sample."""
        ...
