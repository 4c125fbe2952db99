"""Numbers are leaves: a sweep over them compiles one program, and every one of them takes effect in it."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from stress.build.study import Study
from stress.config.price import JumpConfig
from stress.mc.program import compile_program, compiled_programs, pick_workers
from tests.reference.building import Row, make_book
from tests.studies import config, study

JUMP = {
    "kind": "merton",
    "intensity": 8e4,
    "mean": -0.01,
    "std": 0.05,
    "common_intensity": 0.0,
    "common_mean": 0.0,
    "common_std": 0.0,
    "common_correlation": 0.0,
}
BASE: dict[str, dict[str, Any]] = {
    "price": {
        "volatility": 10.0,
        "drift": 0.0,
        "jump": JumpConfig(**JUMP),
        "initial_prices": 100.0,
        "jump_duration_seconds": 120.0,
    },
    "protocol": {
        "maintenance_margin": 0.02,
        "insurance_fund": 50.0,
        "waterfall": ["insurance_fund", "adl", "socialised_loss"],
        "adl": {"policy": "pro_rata"},
        "funding": {"interval_hours": 0.1, "premium": 0.001, "cap": 0.02, "clamp": 5e-4, "interest_rate": 1e-4},
        "breaker": {"move": 0.5, "window_minutes": 5.0, "halt_minutes": 5.0},
        "liquidation": {
            "rule": "restore_target",
            "target_multiple": 1.2,
            "fee": 0.005,
            "keeper_share": 0.2,
            "close_whole_below_usd": 500.0,
            "remaining_equity": "trader",
            "max_rounds": 50,
        },
    },
    "liquidity": {
        "law": "power",
        "exponent": 0.875,
        "depth_usd": 5e4,
        "half_spread_bps": 2.0,
        "recovery_half_life_minutes": 3.0,
        "withdrawal": 20.0,
        "max_displacement": 0.5,
    },
    "run": {
        "paths": 128,
        "block_paths": 128,
        "horizon_hours": 0.5,
        "step_seconds": 60.0,
        "fund_curve": True,
        "seed": 3,
    },
}
CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "maintenance margin": {"protocol": {"maintenance_margin": 0.03}},
    "fund": {"protocol": {"insurance_fund": 20.0}},
    "fee": {"protocol": {"liquidation": {"fee": 0.01}}},
    "keepers' share": {"protocol": {"liquidation": {"keeper_share": 0.9}}},
    "target": {"protocol": {"liquidation": {"target_multiple": 2.0}}},
    "closing whole": {"protocol": {"liquidation": {"close_whole_below_usd": 1e5}}},
    "remaining equity": {"protocol": {"liquidation": {"remaining_equity": "fund", "close_whole_below_usd": 1e5}}},
    "no funding": {"protocol": {"funding": {"interval_hours": None}}},
    "premium": {"protocol": {"funding": {"premium": 0.002}}},
    "oracle's share of the impact": {"protocol": {"oracle": {"impact_share": 0.2}}},
    "breaker": {"protocol": {"breaker": {"move": 0.02}}},
    "depth": {"liquidity": {"depth_usd": 1e5}},
    "spread": {"liquidity": {"half_spread_bps": 10.0}},
    "permanent impact": {"liquidity": {"recovery_half_life_minutes": None}},
    "withdrawal": {"liquidity": {"withdrawal": 200.0}},
    "cap": {"liquidity": {"max_displacement": 2e-4}},
    "volatility": {"price": {"volatility": 10.2}},
    "drift": {"price": {"drift": 50.0}},
    "jump intensity": {"price": {"jump": JumpConfig(**JUMP | {"intensity": 9e4})}},
    "jump size": {"price": {"jump": JumpConfig(**JUMP | {"mean": -0.02})}},
    "seed": {"run": {"seed": 4}},
    "length of a tick": {
        "run": {"step_seconds": 30.0, "horizon_hours": 0.25},
        "price": {"jump_duration_seconds": 60.0},
    },
}
NEW_PROGRAM = {
    "rule": {"protocol": {"liquidation": {"rule": "full"}}},
    "policy": {"protocol": {"adl": {"policy": "profit_leverage"}}},
    "ticks": {"run": {"horizon_hours": 0.6}},
    "ticks of a jump": {"price": {"jump_duration_seconds": 180.0}},
    "delay": {"protocol": {"liquidation": {"keeper_delay_seconds": 60.0}}},
    "precision": {"run": {"precision": "float64"}},
    "square-root law": {"liquidity": {"law": "square_root"}},
    "capacity": {"protocol": {"liquidation": {"keeper_capacity_usd_per_minute": 3e3}}},
    "layers": {"protocol": {"waterfall": ["insurance_fund"]}},
}
ROWS: list[Row] = [
    *[(f"long{n}", 100.0 * (2 + n), {"X": (20.0, 100.0)}) for n in range(6)],
    *[(f"short{n}", 100.0 * (2 + n), {"X": (-15.0, 100.0)}) for n in range(6)],
    ("rich", 1e5, {"X": (-30.0, 100.0)}),
]


def made(changes: dict[str, dict[str, Any]]) -> Study:
    """The base study with changes."""
    return study(
        config(**{section: _merged(values, changes.get(section, {})) for section, values in BASE.items()}),
        make_book(ROWS),
    )


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return base | {
        key: _merged(base.get(key, {}), value) if isinstance(value, dict) else value for key, value in changes.items()
    }


def run(changes: dict[str, dict[str, Any]]) -> dict[str, np.ndarray]:
    """Outcomes of the main variant [128, ...] under the compiled program; asserts conservation."""
    plan = made(changes).plan
    program = compile_program(plan.job, pick_workers(1, 1))
    result = program.run(plan.job, 0)
    out = {name: np.asarray(value)[0] for name, value in vars(result.outcome).items()}
    assert max(out["cash_residual"].max(), out["contracts_residual"].max()) < 1e-9 * plan.gross_notional
    return out | {"fund_flow": np.asarray(result.fund_flow)[0]}


def test_a_sweep_over_numbers_compiles_once() -> None:
    before = compiled_programs()
    base = run({})
    assert compiled_programs() == before + 1
    assert min(base[name].sum() for name in ("bad_debt", "adl_notional", "insurance_paid", "fees_to_fund")) > 0, (
        "a lively book"
    )
    for name, changes in CHANGES.items():
        changed = run(changes)
        assert compiled_programs() == before + 1, f"{name} compiled anew"
        moved = [
            field
            for field in ("liquidated", "fund_flow", "depletion_tick", "insurance_paid")
            if (changed[field] != base[field]).any()
        ]
        assert moved, f"{name} has no effect"
    again = run({})
    for name, values in base.items():
        np.testing.assert_array_equal(again[name], values)


@pytest.mark.parametrize("name", NEW_PROGRAM)
def test_a_change_of_structure_is_another_program(name: str) -> None:
    """The count can rise: the structure of the job differs, so the cache cannot serve it (nothing is compiled here)."""
    base, changed = (made(changes).plan.job for changes in ({}, NEW_PROGRAM[name]))
    same_tree = jax.tree.structure(base) == jax.tree.structure(changed)
    assert not same_tree or [leaf.shape for leaf in jax.tree.leaves(base)] != [
        leaf.shape for leaf in jax.tree.leaves(changed)
    ]
