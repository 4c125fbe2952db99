"""Books for ladders."""

from __future__ import annotations

from tests.designs.settings import Design

LADDER_DESIGNS: dict[str, Design] = {
    "fund and pro rata": {"law": "linear", "rule": "full", "adl": "pro_rata", "waterfall": ["insurance_fund", "adl"]},
    "fund only": {"law": "power", "rule": "full", "adl": "none", "waterfall": ["insurance_fund"]},
    "pro rata without a fund": {
        "law": "square_root",
        "rule": "full",
        "adl": "pro_rata",
        "waterfall": ["adl"],
        "funding": "deadband",
    },
    "delayed keepers": {
        "law": "linear",
        "rule": "full",
        "adl": "pro_rata",
        "waterfall": ["insurance_fund", "adl"],
        "delay": True,
    },
    "keepers with a capacity": {
        "law": "power",
        "rule": "full",
        "adl": "pro_rata",
        "waterfall": ["insurance_fund", "adl"],
        "limited": True,
    },
    "keepers with a delay and a capacity": {
        "law": "linear",
        "rule": "full",
        "adl": "none",
        "waterfall": ["insurance_fund"],
        "delay": True,
        "limited": True,
    },
}
"""Structures that a ladder can follow, for ``random_study(..., ladder=True)``."""
