"""The section ``protocol.collateral``, and who of the synthetic book pays in coins."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import PerMarket, field

OWN = "own"


@dataclass(kw_only=True)
class CollateralConfig:
    """Coins that count as margin beside USD: the base assets of the markets."""

    weights: PerMarket = field(
        "share of its value at which a coin counts, its haircut being the rest; 0: it is no collateral", low=0, high=1)
    size_factor: PerMarket | None = field(
        "the weight of so many units is at most 1.1 / (1 + this x root of the units); null: whatever their number",
        unit="per root of a unit", low=0, optional=True)
    sale: str | None = field(
        "which coins of a closed account are sold: all, or of each as much as its debt and the fee need; null: all",
        choices=("all", "debt"), optional=True)


@dataclass(kw_only=True)
class CoinCollateralConfig:
    """Cross accounts of the synthetic book that hold a part of their collateral in coins."""

    share: float = field(
        "share of what every cross wallet counts for that is in coins; leverage at the start stays what it is", low=0,
        high=1)
    asset: str = field(
        f"{OWN}: the coin of an account's largest position; or the market whose coin all of them hold")
