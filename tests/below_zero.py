"""A case in which ADL closes a position at a price below zero, and something is left of the account.

a is long 10 X and short 2 Y, has 120 USD and needs 1 + 180. Its 10 X push X by 80 %: the mean is 60, 280 are owed. The
fund has a fifth of that, so winners take four fifths: of X at 60 + 280/181/10, of Y, which has 180 of the 181, at
100 - 280 x 180/181/2 = -39.2. The rest sells at 92 and 100, for 184 and 40 USD: 8 are left, 2.24 of them fee. The other
5.76 go to the fund, too; X and Y were closed for 184 + 8 x 60.15, and 40 + 1.6 x 39.2.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from stress.build.study import Study
from tests.reference.building import Row, make_book
from tests.studies import config, padded, path_study

MARKETS = ("X", "Y", "Z")
FEE, LEFT = 2.24, 5.76
"""USD."""
SOLD = np.array([184.0, 40.0, 0.0])
CLOSED = np.array([184 + 8 * (60 + 28 / 181), 40 + 1.6 * (280 * 180 / 181 / 2 - 100), 0.0])
"""USD [A] through the book, and with ADL."""


def below_zero(late: Row, prices: tuple[float, float], accounts: int, **protocol: Any) -> Study:
    """a, one more long of 10 Z, and whoever is on the other side of both; Z is at ``prices`` in the two ticks."""
    a: Row = ("a", 120.0, {"X": (10.0, 100.0), "Y": (-2.0, 100.0)})
    winner: Row = ("s", 1e5, {"X": (-10.0, 200.0), "Y": (2.0, 50.0), "Z": (-10.0, 200.0)})
    cfg = config(markets=MARKETS, price={"initial_prices": 100.0}, run={"fund_curve": True, "paths": 128, "block_paths": 128},
                 liquidity={"law": "linear", "depth_usd": [12.5, 1e15, 1e15], "max_displacement": 0.9},
                 protocol={"insurance_fund": 56.0, "waterfall": ["insurance_fund", "adl"], "adl": {"policy": "pro_rata"},
                           "liquidation": {"fee": 0.01, "remaining_equity": "fund"}, **protocol})
    tier = type(next(iter(cfg.protocol.margin_tiers.values()))[0])
    tiers = {m: [tier(up_to_usd=None, initial_margin=0.95, maintenance_margin=0.9 if m == "Y" else 0.001)] for m in MARKETS}
    cfg = dataclasses.replace(cfg, protocol=dataclasses.replace(
        cfg.protocol, maintenance_margin=None, initial_margin=None, margin_tiers=tiers))
    path = np.array([[100.0, 100.0, 100.0], *([100.0, 100.0, z] for z in prices)])
    return path_study(cfg, padded(make_book([a, late, winner], MARKETS), accounts), path)
