"""Random combinations of mechanisms for ``tests.random_books``: as many of those drawn as a configuration takes together."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.config.adl import ADL_POLICIES
from stress.config.check import check
from stress.config.liquidation import WindowConfig
from stress.errors import UserError
from tests.designs import FUNDING, LIMITED, OF_MARKETS, Design
from tests.designs.settings import (
    AUCTION,
    BANKRUPTCY,
    CHEAP,
    COVER,
    DEPOSITED,
    DISCOUNT,
    FALLING_FUND,
    FILLABLE,
    FIRST,
    LIMITED_BY_MARKET,
    LIMITED_EACH,
    MOVING_PRICE,
    ONE_BLOCK,
    PATIENT,
    POOL,
    SCALED,
    STAYING_AWAY,
    VAULT,
)
from tests.random_books import random_case

RULES: tuple[Design, ...] = (
    {"rule": "full"}, {"rule": "close_factor"}, {"rule": "step_down"}, {"rule": "restore_target"},
    {"rule": "first_fraction", "liquidation": FIRST}, {"rule": "first_fraction", "liquidation": PATIENT},
    {"rule": "half", "liquidation": DISCOUNT}, {"rule": "portion", "liquidation": FILLABLE},
    {"rule": "cover_shortage", "liquidation": COVER},
)
LAWS = ("linear", "power", "square_root", "skew", "imbalance")
ORDERS = ("largest_loss", "largest_notional", "largest_maintenance")

PARTS: tuple[Design, ...] = (
    {"contract": "inverse"}, {"coins": "flat", "liquidation": {"remaining_equity": "trader"}},
    {"coins": "size", "sale": "debt", "liquidation": {"remaining_equity": "trader"}},
    *({"liquidation": part} for part in (BANKRUPTCY, ONE_BLOCK, AUCTION, CHEAP, SCALED, STAYING_AWAY)),
    {"liquidation": {"window": WindowConfig(seconds=150.0, usd=[2e4, 4e4])}},
    *({"liquidation": {"order": order}} for order in ORDERS), {"liquidation": {"order": "random", "order_seed": 3}},
    {"backstop": VAULT}, {"backstop": POOL}, {"pool": {"paid": [None, 0.6]}}, {"drawdown": 0.1, "funds": [300.0, 3e3]},
    *({"insurance": terms} for terms in (OF_MARKETS, LIMITED, LIMITED_EACH, LIMITED_BY_MARKET, DEPOSITED)),
    *({"adl_price": price} for price in ("mark", "oracle")), {"fairness": True}, {"levied_by": "contracts"},
    {"levied_by": "equity"}, {"waterfall": ["adl", "socialised_loss"]}, {"waterfall": ["insurance_fund"]},
    *({"funding": kind} for kind in FUNDING), *({"margin": [kind]} for kind in ("root_size", "linear_size", "skew")),
    {"gain_weight": True}, {"gain_initial": True}, *({"adaptive": [kind]} for kind in ("volatility", "staged")),
    *({"mark": [kind], "seen": [0.0, 0.3]} for kind in ("median", "ema", "band", "stable")),
    {"guarded": True, "lag": 2}, {"confidence": True}, {"lag": 1}, {"delay": True}, {"isolated": 0.1},
    {"withdrawals": FALLING_FUND}, {"withdrawals": MOVING_PRICE},
    *({"shocks": [kind]} for kind in ("outage", "oracle_freeze", "index_manipulation", "collateral_depeg")),
)  # fmt: skip
"""What a design may have beside its rule, law and policy."""


def random_design(rng: np.random.Generator) -> Design:
    """A rule, a law, a policy, and of the parts in a random order those that go with what there is already."""
    design: Design | None = None
    while design is None or not taken(design):
        design = {**RULES[rng.integers(len(RULES))], "law": str(rng.choice(LAWS)), "adl": str(rng.choice(ADL_POLICIES))}
        design |= {"tiers": bool(rng.integers(2)), "limited": bool(rng.integers(2))}
    for n in rng.permutation(len(PARTS))[: rng.integers(8, 25)]:
        wider = joined(design, PARTS[n])
        if wider is not None and taken(wider):
            design = wider
    return design


def joined(design: Design, part: Design) -> Design | None:
    """Both; None where they say something else of the same thing."""
    if any(name in design for name in part if name != "liquidation"):
        return None
    mine, theirs = design.get("liquidation", {}), part.get("liquidation", {})
    if set(mine) & set(theirs):
        return None
    together: dict[str, Any] = {**design, **part}
    return together | {"liquidation": mine | theirs} if mine or theirs else together


def taken(design: Design) -> bool:
    """Whether a configuration may have all of it."""
    try:
        return not check(random_case(design, np.random.default_rng(0))[0])
    except UserError:
        return False
