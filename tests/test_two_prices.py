"""GMX v2 values a long at the lower of two signed prices and a short at the higher: the same as a rate and a charge."""

from __future__ import annotations

import numpy as np
import pytest

from stress.cli.compose import load
from stress.session import replay
from tests.reference.building import make_book
from tests.studies import path_study

HALF = 0.001
"""Half of what is between the two prices, as a share of the price."""
SPREAD = ("protocol.margin_tiers.BTC=[{up_to_usd: null, initial_margin: 0.01, maintenance_margin: 0.006}]",
          "protocol.backstop.charge=0.003")
COLLATERAL, ENTRY = 5_000.0, 100_000.0


def remaining(side: float, price: float) -> float:
    """USD of an account with one BTC long or short at the worse of the two prices."""
    return COLLATERAL + side * (price * (1 - side * HALF) - ENTRY)


@pytest.mark.parametrize(("side", "price"), [(1.0, 95_580.0), (1.0, 95_570.0), (-1.0, 104_360.0), (-1.0, 104_380.0)])
def test_half_a_spread_is_so_much_of_a_rate_and_of_a_charge(side: float, price: float) -> None:
    """95,000 / 0.994 is 95,573.44 and 105,000 / 1.006 is 104,373.76. The venue's own numbers are 0.5 % and 0.2 %."""
    cfg = load(["protocol=gmx_v2", "price.markets=[BTC]", "price=gbm", "run.paths=128", "run.step_seconds=60", "liquidity=none", *SPREAD])[0]
    book = make_book([("a", COLLATERAL, {"BTC": (side, ENTRY)}), ("b", 1e7, {"BTC": (-side, ENTRY)})], ("BTC",))
    out = replay(path_study(cfg, book, np.array([[ENTRY], [price]])))
    falls = remaining(side, price) < 0.005 * price
    assert [row["account"] for row in out["ticks"][0]["liquidations"]] == (["a"] if falls else [])
    assert falls == (price in (95_570.0, 104_380.0))
    if falls:
        kept = remaining(side, price) - 0.002 * price
        assert out["final"]["accounts"]["a"]["cash"] == pytest.approx(kept, rel=1e-10) and kept > 100
