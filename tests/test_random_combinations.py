"""The engine against the plain NumPy reference under random combinations of mechanisms, beside those of ``tests.designs``."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.designs import STEP
from tests.quick import block
from tests.random_books import random_study
from tests.random_designs import PARTS, random_design
from tests.reference.rules import Rules
from tests.reference.venue import simulate
from tests.test_engine_reference import FRONT, compare, variants
from tests.tiers import slow

SEEDS, BOOKS = 40, 2


@pytest.mark.parametrize("seed", slow(range(SEEDS), *range(1, SEEDS)))
def test_engine_agrees_with_the_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    design = random_design(rng)
    for case in range(BOOKS):
        study, path = random_study(design, rng)
        result = block(dataclasses.replace(study.plan.job, front=FRONT), np.uint32(0), 0)
        rules = Rules.from_config(study.config, list(study.markets))
        for variant, venue in enumerate(variants(rules)[: len(study.plan.variants)]):
            expected = simulate(study.book, venue, path, np.ones(len(path) - 1), STEP)
            compare(result, variant, expected, f"{design}, book {case}, variant {study.plan.variants[variant]}")


def test_combinations_have_every_part() -> None:
    """Each one that may be there is there in some combination, and combinations have many."""
    drawn = [random_design(np.random.default_rng(seed)) for seed in range(SEEDS)]
    missing = [part for part in PARTS if not any(_holds(design, part) for design in drawn)]
    assert not missing
    assert np.mean([len({**design, **design.get("liquidation", {})}) for design in drawn]) > 15


def _holds(design: dict[str, object], part: dict[str, object]) -> bool:
    return all(_holds(design.get(name, {}), value) if isinstance(value, dict) else design.get(name) == value  # type: ignore[arg-type]
               for name, value in part.items())
