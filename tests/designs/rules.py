"""Liquidation rules, auctions, windows."""

from __future__ import annotations

from stress.config.liquidation import WindowConfig
from tests.designs.settings import (
    AUCTION,
    BANKRUPTCY,
    CHEAP,
    COVER,
    FIRST,
    LIMITED_EACH,
    PATIENT,
    SCALED,
    VAULT,
    Design,
)

DESIGNS: dict[str, Design] = {
    "first fraction, bankruptcy price, ranked": {
        "law": "power",
        "rule": "first_fraction",
        "liquidation": {**FIRST, **BANKRUPTCY},
        "adl": "profit_leverage",
    },
    "first fraction that waits, delayed keepers": {
        "law": "linear",
        "rule": "first_fraction",
        "liquidation": PATIENT,
        "adl": "none",
        "delay": True,
    },
    "vault, bankruptcy price": {
        "law": "linear",
        "rule": "full",
        "liquidation": BANKRUPTCY,
        "backstop": VAULT,
        "adl": "pro_rata",
    },
    "step down, lagging oracle, fills settled": {
        "law": "linear",
        "rule": "step_down",
        "liquidation": {"settlement": "fill"},
        "adl": "profit_leverage",
        "insurance": LIMITED_EACH,
        "lag": 1,
        "tiers": True,
        "limited": False,
    },
    "auction, restore target, ranked": {
        "law": "square_root",
        "rule": "restore_target",
        "liquidation": CHEAP | {"fee": 0.0, "target_multiple": 1.1, "close_whole_below_usd": 0.0},
        "adl": "profit_leverage",
        "waterfall": ["adl", "socialised_loss"],
    },
    "auction, full, lagging oracle": {
        "law": "power",
        "rule": "full",
        "liquidation": AUCTION | {"keeper_cost_usd": 100.0},
        "adl": "none",
        "lag": 1,
        "tiers": True,
        "limited": True,
    },
    "cover shortage, delayed": {
        "law": "linear",
        "rule": "cover_shortage",
        "liquidation": COVER,
        "adl": "pro_rata",
        "delay": True,
    },
    "full, largest notional first, vault, pro rata": {
        "law": "linear",
        "rule": "full",
        "isolated": 0.1,
        "liquidation": {"order": "largest_notional", "fee": 0.002},
        "backstop": VAULT,
        "adl": "pro_rata",
        "tiers": True,
        "limited": True,
    },
    "window, full, vault, pro rata": {
        "law": "linear",
        "rule": "full",
        "liquidation": SCALED,
        "backstop": VAULT,
        "adl": "pro_rata",
    },
    "window, close factor, ranked, lagging oracle": {
        "law": "power",
        "rule": "close_factor",
        "liquidation": {"window": WindowConfig(seconds=30.0, usd=1e4)},
        "adl": "bitmex",
        "lag": 1,
    },
}
