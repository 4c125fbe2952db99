"""A cap on leverage: how much of its positions each account may keep with the collateral that it has.

Axes: ``A`` markets, ``N`` margin accounts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.build.study import Study
from stress.decisions.attribution.groups import gross_notional, leverage


@dataclass(frozen=True)
class Cap:
    """Every account at no more than a leverage: one that is above it closes the same share of all its positions."""

    leverage: float
    kept: np.ndarray  # [N] share of its positions that an account keeps, 1 for those at or below the cap
    cut: np.ndarray  # [N, A] share of each position that goes; 0 where there is none, and for the residual account
    notional_share: float  # of all positions, the residual account's left out, what goes

    @property
    def accounts(self) -> int:
        """Margin accounts above the cap."""
        return int(self.cut.any(1).sum())


def cap_of(study: Study, most: float) -> Cap:
    """The cap ``most`` on the book of ``study``; an account without equity keeps nothing."""
    book = study.book
    now = leverage(study)
    kept = np.where(book.residual | (now <= most), 1.0, most / np.maximum(now, most))
    cut = np.where(book.size != 0, 1.0 - kept[:, None], 0.0)
    gross = np.where(book.residual, 0.0, gross_notional(study))
    return Cap(most, kept, cut, float((gross * (1.0 - kept)).sum() / gross.sum()))
