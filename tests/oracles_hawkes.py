"""Public reference values of Hawkes processes with an exponential kernel, and of a jump diffusion with one.

lambda_t = mu + sum of alpha exp(-beta (t - t_i)). "bins" are neighbours of length ``years``, "bins apart" have one more
between them. A cluster is a first jump with all that follow from it. The jump diffusion's log price has drift ``nu``,
no compensator.
"""

from __future__ import annotations

from typing import Any

from tests.oracles import Oracle
from tests.walks import DAY, Model


def hawkes(years: float, mu: float, alpha: float, beta: float, *, initial: str = "stationary", **price: Any) -> Model:
    """One market whose own jumps excite themselves."""
    jump = {"kind": "merton", "intensity": mu, "mean": price.pop("mean", 0.0), "std": price.pop("std", 0.0)}
    intensity = {"kind": "hawkes", "alpha": alpha, "beta": beta, "initial": initial}
    return Model(years, {"initial_prices": 100.0, "drift": 0.0, "jump": jump, "intensity": intensity, **price})


def diffusion(years: float, mu: float, alpha: float, beta: float, *, sigma: float, nu: float, **jump: float) -> Model:
    """The jump diffusion: the drift of the price without jumps is ``nu`` plus half of the variance."""
    return hawkes(years, mu, alpha, beta, drift=nu + 0.5 * sigma**2, volatility=sigma, **jump)


def cluster(branching: float) -> Model:
    """What follows from one jump: time in units in which excitation fades at rate 1, long enough for all of it."""
    return hawkes(60.0 / (1.0 - branching), 0.0, branching, 1.0, initial="base")


# fmt: off
HAWKES_A = hawkes(1.0 / 12.0, 20.0, 60.0, 100.0)
HAWKES_A_EMPTY = hawkes(1.0 / 12.0, 20.0, 60.0, 100.0, initial="base")
HAWKES_B = hawkes(10.0, 1.2, 0.6, 1.0)
HAWKES_B_EMPTY = hawkes(10.0, 1.2, 0.6, 1.0, initial="base")
HAWKES_C = hawkes(0.05, 50.0, 180.0, 200.0)
HAWKES_C_EMPTY = hawkes(0.05, 50.0, 180.0, 200.0, initial="base")
DIFFUSION_A = diffusion(1.0 / 12.0, 20.0, 60.0, 100.0, sigma=0.5, nu=-0.125, mean=-0.02, std=0.04)
DIFFUSION_B = diffusion(7 * DAY, 100.0, 700.0, 1000.0, sigma=0.6, nu=-0.18, mean=-0.01, std=0.03)
CLUSTER_3, CLUSTER_6, CLUSTER_9 = cluster(0.3), cluster(0.6), cluster(0.9)

HAWKES = (
    Oracle("HAW-MEANINT-A", HAWKES_A, "intensity mean", 50.0, 5e-13),
    Oracle("HAW-VARINT-A", HAWKES_A, "intensity variance", 2250.0, 2e-11),
    Oracle("HAW-MEAN-A", HAWKES_A, "count mean", 4.166666666666666, 4e-12),
    Oracle("HAW-ACOV-A-gap0", HAWKES_A, "covariance of bins", 3.0513152483193022, 3e-11),
    Oracle("HAW-ACOV-A-gapT", HAWKES_A, "covariance of bins apart", 0.10885259986891262, 1e-12),
    Oracle("HAW-VAR0-A", HAWKES_A_EMPTY, "count variance", 14.496127637669442, 1e-05),
    Oracle("HAW-P0-EMPTY-A", HAWKES_A_EMPTY, "no jump", 0.18887560283756186, 2e-13),
    Oracle("HAW-BR-B", HAWKES_B, "branching ratio", 0.6, 1e-15),
    Oracle("HAW-MEANINT-B", HAWKES_B, "intensity mean", 2.9999999999999996, 3e-14),
    Oracle("HAW-VARINT-B", HAWKES_B, "intensity variance", 1.3499999999999996, 1e-14),
    Oracle("HAW-FANO-B", HAWKES_B, "Fano factor", 4.961539276041464, 5e-12),
    Oracle("HAW-ACOV-B-gap0", HAWKES_B, "covariance of bins", 18.972926139242908, 2e-10),
    Oracle("HAW-P0-B", HAWKES_B, "no jump, given the start", 1.6338451736823585e-06, 1e-09),
    Oracle("HAW-P0-EMPTY-B", HAWKES_B_EMPTY, "no jump in any tenth", 6.14421235332821e-06, 6e-18),
    Oracle("HAW-BR-C", HAWKES_C, "branching ratio", 0.9, 1e-15),
    Oracle("HAW-MEANINT-C", HAWKES_C, "intensity mean", 500.0000000000001, 5e-12),
    Oracle("HAW-VARINT-C", HAWKES_C, "intensity variance", 405000.0000000001, 4e-09),
    Oracle("HAW-MEAN-C", HAWKES_C, "count mean", 25.000000000000007, 3e-11),
    Oracle("HAW-FANO-C", HAWKES_C, "Fano factor", 37.420064675972824, 4e-11),
    Oracle("HAW-ACOV-C-gapT", HAWKES_C, "covariance of bins apart", 181.90747954427508, 2e-09),
    Oracle("HAW-P0-C", HAWKES_C, "no jump", 0.03605213060937597, 1e-09),
    Oracle("HAW-P5-C", HAWKES_C, "five jumps", 0.039597554080969516, 1e-09),
    Oracle("HAW-MEAN0-C", HAWKES_C_EMPTY, "count mean", 10.777287426357457, 1e-11),
    Oracle("HAW-VAR0-C", HAWKES_C_EMPTY, "count variance", 174.7592625294559, 0.0002),
    Oracle("HAW-CLVAR-n0.3", CLUSTER_3, "cluster variance", 0.8746355685131197, 9e-13),
    Oracle("HAW-CLTAIL-n0.3", CLUSTER_3, "cluster above ten", 0.0003050981014780444, 1e-12),
    Oracle("HAW-CLMEAN-n0.6", CLUSTER_6, "cluster mean", 2.5, 2e-12),
    Oracle("HAW-CLVAR-n0.6", CLUSTER_6, "cluster variance", 9.374999999999998, 9e-12),
    Oracle("HAW-CLTAIL-n0.6", CLUSTER_6, "cluster above ten", 0.028206756521524934, 1e-12),
    Oracle("HAW-CLMEAN-n0.9", CLUSTER_9, "cluster mean", 10.000000000000002, 1e-11),
    Oracle("HAW-CLVAR-n0.9", CLUSTER_9, "cluster variance", 900.0000000000006, 9e-10),
    Oracle("HAW-CLTAIL-n0.9", CLUSTER_9, "cluster above ten", 0.1730952813875467, 1e-12),
    Oracle("HAWJ-mean-A", DIFFUSION_A, "log mean", -0.09375, 9e-13),
    Oracle("HAWJ-skew-A", DIFFUSION_A, "log skewness", -0.5095280352556919, 5e-07),
    Oracle("HAWJ-mean-B", DIFFUSION_B, "log mean", -0.06737899543378995, 7e-13),
    Oracle("HAWJ-skew-B", DIFFUSION_B, "log skewness", -1.143389589522065, 1e-06),
    Oracle("HAWJ-kurt-B", DIFFUSION_B, "log kurtosis", 3.7472220411229427, 4e-06),
)
# fmt: on
