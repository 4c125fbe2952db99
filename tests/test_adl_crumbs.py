"""ADL that takes everything leaves nothing: what sums in another order leave is no flow, and no position."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stress.build.study import Study
from stress.session import replay
from tests.reference.building import Row, make_book
from tests.reference.rules import Rules
from tests.reference.venue import simulate
from tests.studies import config, padded, path_study, simulated

LOSERS, WINNER = (0.1, 0.2), 0.3
"""The losers hold 0.30000000000000004 together: for all that the winner has, a rounding of it finds no winner."""


def study_of(rows: list[Row], path: list[float], **liquidity: Any) -> Study:
    """A venue without a fund, whose ADL takes all from those in profit."""
    protocol = {"waterfall": ["insurance_fund", "adl"], "adl": {"policy": "profit_leverage", "price": "bankruptcy"}}
    run = {"step_seconds": 60.0, "paths": 128, "block_paths": 128}
    cfg = config(protocol=protocol, liquidity=liquidity, run=run)
    return path_study(cfg, padded(make_book(rows), 8), np.array(path)[:, None])


def bankrupt(sizes: tuple[float, ...]) -> list[Row]:
    """Longs with a tenth of their notional at 100."""
    return [(f"loser{i}", 10.0 * size, {"X": (size, 100.0)}) for i, size in enumerate(sizes)]


def test_what_adl_takes_whole_is_no_flow_that_ends_at_the_cap() -> None:
    """The first tick sells A's 50 units, as far as the cap; in the second both losers are matched, and nothing is sold."""
    assert sum(LOSERS) > WINNER
    rows: list[Row] = [("A", 150.0, {"X": (50.0, 100.0)}), *bankrupt(LOSERS), ("winner", 1e3, {"X": (-WINNER, 100.0)}),
                       ("spared", 1e6, {"X": (-50.0, 60.0)})]
    path = [100.0, 97.5, 70.0]
    study = study_of(rows, path, law="linear", depth_usd=1e3, max_displacement=0.005)
    (result,) = simulated(study, 1)
    expected = simulate(study.book, Rules.from_config(study.config, ["X"]), np.array(path)[:, None], np.ones(2), 60.0)
    assert result.outcome.adl_notional[0, 0] == pytest.approx(expected.adl_notional, rel=1e-12)
    assert expected.adl_accounts == 1 and expected.liquidated_accounts == 3
    assert result.outcome.capped[0, 0] == expected.displacement_capped == 1


def test_the_last_winner_of_a_queue_keeps_nothing_when_all_are_taken() -> None:
    """Both winners are needed. The second one's 1e-9 units end where sums of 3 units are rounded."""
    winners, loser = (3.0, 1e-9), 21.0
    assert loser * (sum(winners) / loser) < sum(winners)
    rows = bankrupt((loser,)) + [(f"winner{i}", 1e9, {"X": (-size, 102.0 - i)}) for i, size in enumerate(winners)]
    rows.append(("spared", 1e6, {"X": (sum(winners) - loser, 60.0)}))
    out = replay(study_of(rows, [100.0, 80.0]))
    assert [row["account"] for row in out["ticks"][0]["adl"]] == ["winner0", "winner1"]
    held = {name: row["positions"] for name, row in out["final"]["accounts"].items() if row["positions"]}
    assert list(held) == ["spared"]
