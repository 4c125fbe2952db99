"""Rare liquidations under geometric Brownian motion against public reference values.

The drift takes the mean path to the level; a path counts by its likelihood ratio there (at ticks), or at the end
(between them, bridged).
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.bridges import continuous
from tests.functionals import compared, levels_of, model_of, of_bridges
from tests.oracles import Law, Oracle
from tests.oracles_markets import RARE, toward
from tests.walks import ends
from tests.z_tests import ZTest

SEED, PATHS, BRIDGED = 47, 2**14, 24


def z_test(oracle: Oracle, volatility: float = 0.8) -> ZTest:
    law = Law(start=oracle.law.start, drift=oracle.law.drift, volatility=volatility, years=oracle.law.years)
    tilted, given, drift = toward(law, oracle.level)
    steps = oracle.steps or BRIDGED
    built, levels = model_of(tilted).build(steps), levels_of(oracle)
    if oracle.steps:
        kept = ends(built, levels, steps=steps, paths=PATHS, seed=SEED)
        log, time = kept["passage"][:, 0], kept["when"][:, 0] * law.years / steps
        hit = ~np.isnan(log)
        kept, log = {"alive": np.where(hit, 0.0, 1.0)[:, None]}, np.where(hit, log, 0.0)
    else:
        kept = continuous(built, levels, steps=steps, paths=PATHS, seed=SEED)
        log, time = kept["log"][:, 0], law.years
    weight = np.exp(((given - drift) * log - 0.5 * (given**2 - drift**2) * time) / volatility**2)
    return compared(oracle, of_bridges(oracle, kept, weight=weight), SEED, model="gbm", parameters=law)


@pytest.mark.parametrize("oracle", RARE, ids=lambda oracle: oracle.id)
def test_reference_value(oracle: Oracle) -> None:
    z_test(oracle).agrees()


@pytest.mark.parametrize("oracle", RARE, ids=lambda oracle: oracle.id)
def test_reference_value_rejects_a_wrong_volatility(oracle: Oracle) -> None:
    z_test(oracle, volatility=0.8 * 1.02).rejects()
