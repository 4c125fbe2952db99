"""The section ``liquidity.imbalance``, and which laws price trades by the venue's own book."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import PerMarket, field

BY_BOOK = ("skew", "imbalance")


@dataclass(kw_only=True)
class ImbalanceConfig:
    """law=imbalance: an imbalance of d USD of longs and shorts costs factor x d^exponent."""

    positive_factor: PerMarket = field("factor of trades that lessen the imbalance", low=0)
    negative_factor: PerMarket = field("factor of trades that add to it", low=0)
    positive_exponent: PerMarket = field("exponent of trades that lessen it", low=1, high=4)
    negative_exponent: PerMarket = field("exponent of trades that add to it", low=1, high=4)
    max_positive: float = field("share of its notional that a trade gets at most", low=0, below=1)
    max_negative: float = field("share of its notional that a trade pays at most; 0: none pays", low=0, below=1)
