"""Sensitivities: parameters found, none forgotten."""

from __future__ import annotations

import pytest

from stress.cli.compose import load
from stress.cli.main import BAD_INPUT, main
from stress.decisions.sensitivity.parameters import find

SMALL = ["price=merton", "price.jump.intensity=2000", "price.jump.std=0.08", "run.paths=256", "run.horizon_hours=1",
         "book.accounts=200", "run.progress=false"]

pytestmark = pytest.mark.usefixtures("compiled_soon")


def test_what_is_no_parameter_or_metric_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for setting, word in [("decide.sensitivity.keys=[protocol.liquidation.fees]", "protocol.liquidation.fee"),
                          ("decide.sensitivity.metrics=[bad_det]", "bad_debt"),
                          ("decide.sensitivity.metrics=[]", "decide.sensitivity.metrics"),
                          ("decide.sensitivity.step=0", "decide.sensitivity.step"),
                          ("run.twin=false", "cascade_probability"),
                          ("decide.sensitivity.metrics=[taken_over]", "does not have")]:
        assert main(["sensitivity", *SMALL, "report.enabled=false", setting]) == BAD_INPUT
        assert word in capsys.readouterr().err


def test_numbers_by_market_and_tier_move_together() -> None:
    config, container = load(SMALL)
    found = {p.key: p for p in find(config, None)[0]}
    tiers = found["protocol.margin_tiers.maintenance_margin"]
    moved = tiers.moved(container, 1.1)["protocol.margin_tiers"]
    for market, rows in container["protocol"]["margin_tiers"].items():
        for number, row in enumerate(rows):
            assert moved[market][number] == row | {"maintenance_margin": 1.1 * row["maintenance_margin"]}
    assert found["liquidity.depth_usd"].moved(container, 0.5)["liquidity.depth_usd"]["BTC"] == 30e6
