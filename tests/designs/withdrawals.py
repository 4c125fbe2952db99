"""Traders who leave."""

from __future__ import annotations

from tests.designs.settings import ALL_GATES, FALLING_FUND, MOVING_PRICE, OF_MARKETS, Design

DESIGNS: dict[str, Design] = {
    "full, traders run from a move, rates by size, lagging oracle, rising margins": {
        "law": "power",
        "rule": "full",
        "adl": "profit_leverage",
        "margin": ["root_size", "linear_size", "skew"],
        "adaptive": ["staged"],
        "withdrawals": MOVING_PRICE,
        "lag": 1,
        "tiers": False,
        "limited": False,
    },
    "restore target, traders run, collateral in coins, funding by skew": {
        "law": "square_root",
        "rule": "restore_target",
        "adl": "none",
        "coins": "size",
        "withdrawals": MOVING_PRICE,
        "funding": "velocity",
        "shocks": ["outage"],
    },
    "traders run, close factor, ranked, fairness of ADL": {
        "law": "linear",
        "rule": "close_factor",
        "adl": "profit_leverage",
        "withdrawals": MOVING_PRICE,
        "fairness": True,
        "funds": [0.0, 300.0],
    },
    "traders run, gains that count the less the larger they are": {
        "law": "linear",
        "rule": "close_factor",
        "isolated": 0.3,
        "gain_initial": True,
        "adl": "pro_rata",
        "withdrawals": ALL_GATES,
        "tiers": True,
        "limited": False,
    },
    "inverse contracts, traders run": {
        "law": "linear",
        "rule": "full",
        "contract": "inverse",
        "adl": "pro_rata",
        "withdrawals": MOVING_PRICE,
        "gain_initial": True,
        "fairness": True,
    },
    "funds of markets, traders run from a falling fund, close factor": {
        "law": "linear",
        "rule": "close_factor",
        "adl": "binance",
        "insurance": OF_MARKETS,
        "withdrawals": FALLING_FUND,
        "tiers": True,
        "limited": True,
    },
}
