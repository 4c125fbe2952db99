"""What is traded, in words."""

from __future__ import annotations

from stress.report.load import Run

COINS = (
    "Amounts of coins are USD at the prices of time zero, not at those of the moment: divide by the initial price for "
    "coins. Of several coins the fund pays in all, as if they were exchanged at those prices."
)


def inverse(run: Run) -> bool:
    """Whether margin and profit are in the coin."""
    return run.setting("protocol.contract") == "inverse"


def contract(run: Run) -> str:
    """What contracts are, where they are not a unit of the asset."""
    if not inverse(run):
        return ""
    return (
        "inverse: of 1 USD, with margin, profit, fees and fund in the coin (money in coin, shown in USD at time-zero "
        "prices)"
    )
