"""Margin rates, marks and margins that move."""

from __future__ import annotations

from tests.designs.settings import VAULT, Design

DESIGNS: dict[str, Design] = {
    "rates by the root of the size, restore target, pro rata": {
        "law": "linear",
        "rule": "restore_target",
        "adl": "pro_rata",
        "margin": ["root_size"],
    },
    "rates linear in the size, restore target, ranked": {
        "law": "power",
        "rule": "restore_target",
        "adl": "profit_leverage",
        "margin": ["linear_size", "skew"],
    },
    "full, pro rata, mark in a band, margins in stages": {
        "law": "power",
        "rule": "full",
        "adl": "pro_rata",
        "waterfall": ["adl", "socialised_loss"],
        "mark": ["band"],
        "adaptive": ["staged"],
        "seen": [0.0, 0.3],
        "tiers": True,
        "limited": False,
    },
    "step down, stable price, margins in stages, delayed": {
        "mark": ["stable"],
        "law": "power",
        "rule": "step_down",
        "adl": "binance",
        "adaptive": ["staged"],
        "delay": True,
        "tiers": True,
        "limited": False,
    },
    "restore target, guarded oracle, smoothed mark, rising margins, vault": {
        "guarded": True,
        "law": "linear",
        "rule": "restore_target",
        "adaptive": ["volatility"],
        "backstop": VAULT,
        "adl": "pro_rata",
        "mark": ["ema"],
        "seen": [0.0, 0.3],
        "lag": 1,
        "tiers": False,
        "limited": False,
    },
    "close factor, uncertain index that lags, ranked": {
        "law": "linear",
        "rule": "close_factor",
        "confidence": True,
        "adl": "binance",
        "lag": 1,
        "tiers": True,
        "limited": False,
    },
}
