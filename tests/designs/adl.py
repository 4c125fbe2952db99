"""Who is deleveraged, when, and funds."""

from __future__ import annotations

from tests.designs.settings import DEPOSITED, LIMITED, LIMITED_BY_MARKET, OF_MARKETS, Design

DESIGNS: dict[str, Design] = {
    "full, ranked, delayed keepers": {"law": "power", "rule": "full", "adl": "binance", "delay": True},
    "close factor, no ADL, lagging oracle": {
        "law": "square_root",
        "rule": "close_factor",
        "adl": "none",
        "insurance": DEPOSITED,
        "levied_by": "contracts",
        "lag": 2,
        "funding": "velocity",
    },
    "close factor, ranked, delayed, lagging": {
        "law": "power",
        "rule": "close_factor",
        "adl": "bitmex",
        "adl_price": "mark",
        "levied_by": "equity",
        "delay": True,
        "lag": 1,
    },
    "restore target, pro rata by profit": {"law": "linear", "rule": "restore_target", "adl": "pro_rata_profit"},
    "ranked at the mark, ADL after a drawdown": {
        "law": "power",
        "rule": "full",
        "adl": "profit_leverage",
        "adl_price": "mark",
        "drawdown": 0.1,
        "funds": [300.0, 1e3, 3e3],
        "fairness": True,
    },
    "funds of markets, ADL after a drawdown of each, close factor": {
        "law": "linear",
        "rule": "close_factor",
        "adl": "binance",
        "insurance": OF_MARKETS,
        "drawdown": 0.1,
        "funds": [300.0, 1e3, 3e3],
        "fairness": True,
    },
    "one fund with an income and a limit, ADL at the oracle after a drawdown": {
        "law": "square_root",
        "rule": "close_factor",
        "adl": "pro_rata",
        "adl_price": "oracle",
        "insurance": LIMITED | {"income": True},
        "drawdown": 0.1,
        "funds": [1e3, 3e3],
        "tiers": True,
        "limited": False,
    },
    "restore target, fund only": {
        "law": "square_root",
        "rule": "restore_target",
        "adl": "none",
        "waterfall": ["insurance_fund"],
        "funding": "adaptive",
    },
    "full, random order, the oracle's price": {
        "law": "linear",
        "rule": "full",
        "adl": "random",
        "adl_price": "oracle",
        "insurance": OF_MARKETS,
        "levied_by": "contracts",
        "funding": "clamped, in parts",
    },
    "full, ADL without a fund": {
        "law": "power",
        "rule": "full",
        "adl": "water_filling",
        "waterfall": ["adl", "socialised_loss"],
        "lag": 1,
        "funding": "deadband",
    },
    "full, limits of funds by market, pro rata": {
        "law": "linear",
        "rule": "full",
        "adl": "pro_rata",
        "insurance": LIMITED_BY_MARKET,
        "tiers": True,
        "limited": False,
    },
}
