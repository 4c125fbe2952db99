"""Everything a funding history says about the premium, and what it does not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stress.calibrate.long import LongFile, read_long
from stress.config.markets import per_market
from stress.config.schema import Config
from stress.errors import UserError
from stress.protocol.funding_fit.fit import Premium, fit_premium, shortage
from stress.protocol.funding_fit.implied import Implied, implied, misfit
from stress.protocol.funding_fit.payments import Payments, payments, usual_rate
from stress.protocol.funding_fit.together import shock_correlation

RATE = "funding_rate"


@dataclass(frozen=True)
class FundingFit:
    """What was fitted. Axis ``A`` markets."""

    file: LongFile
    payments: list[Payments]
    fits: list[Premium]
    implied: list[dict[str, Implied]]
    correlation: np.ndarray  # [A, A] of the shocks
    correlation_error: np.ndarray  # [A, A], NaN where there is none
    warnings: list[str]

    @property
    def markets(self) -> list[str]:
        """Names [A]."""
        return [fit.market for fit in self.fits]


def load_payments(cfg: Config, markets: list[str]) -> tuple[LongFile, list[Payments]]:
    """The payments that ``data.funding`` names; raises UserError for anything that cannot be used.

    Premiums are behind the clamp and cap of ``protocol.funding``, and the interest that is paid most often.
    """
    rules = cfg.protocol.funding
    if rules.kind != "clamped" or rules.premium_hours is not None:
        raise UserError("protocol.funding: data.funding fits premiums behind a clamp, at payments that are not a part "
                        "of it. Set kind=clamped and premium_hours=null.")
    if not rules.clamp > 0:
        raise UserError("protocol.funding.clamp: got 0, allowed is > 0 for data.funding: the rate is the premium then.")
    file = read_long(str(cfg.data.funding), "data.funding", markets, cfg.data, [RATE], None)
    found = []
    for market, usual in zip(markets, _interest(cfg, markets), strict=True):
        rows = file.rows[market]
        interest = usual_rate(rows.values[RATE], float(usual))
        found.append(payments(market, rows.seconds, rows.values[RATE], interest, rules.clamp, rules.cap))
        if (lack := shortage(found[-1])) is not None:
            raise UserError(f"data.funding: {lack}. Give a longer history.")
    return file, found


def fit_funding(cfg: Config, markets: list[str]) -> FundingFit:
    """Fit the premiums of ``markets``."""
    file, behind = load_payments(cfg, markets)
    fits = [fit_premium(paid) for paid in behind]
    found = [implied(paid, fit) for paid, fit in zip(behind, fits, strict=True)]
    notes = [note for p, usual in zip(behind, _interest(cfg, markets), strict=True) for note in _notes(p, float(usual))]
    for paid, fit, row in zip(behind, fits, found, strict=True):
        notes += [*fit.notes, *misfit(paid, fit, row)]
    correlation, error, more = shock_correlation(behind, fits)
    return FundingFit(file, behind, fits, found, correlation, error, [*notes, *more])


def _interest(cfg: Config, markets: list[str]) -> np.ndarray:
    """The interest [A] that the configuration has."""
    return per_market(cfg.protocol.funding.interest_rate, markets, "protocol.funding.interest_rate")


def _notes(paid: Payments, usual: float) -> list[str]:
    notes = []
    if paid.capped:
        notes.append(f"{paid.market}: {paid.capped} payments are at the cap, whose premium is taken to be there.")
    if abs(paid.interest - usual) > 1e-9:
        notes.append(
            f"{paid.market}: pays {paid.interest:g} most often, which is taken for its interest "
            f"(protocol.funding.interest_rate is {usual:g})."
        )
    if paid.dropped:
        listed = ", ".join(f"{reason}: {n}" for reason, n in paid.dropped.items())
        notes.append(f"{paid.market}: payments left out ({listed}).")
    return notes


def as_json(fit: FundingFit) -> dict[str, Any]:
    """The fit as plain values."""
    markets = {
        f.market: {
            "payments": len(p.seconds),
            "hidden_by_the_clamp": int(p.inside.sum()),
            "interest": p.interest,
            "mean": f.mean,
            "mean_error": f.errors[0],
            "half_life_hours": f.half_life_hours,
            "log_half_life_error": f.errors[1],
            "std": f.std,
            "log_std_error": f.errors[2],
            "log_likelihood": f.log_likelihood,
            "comparison": {name: asdict(row) for name, row in found.items()},
        }
        for p, f, found in zip(fit.payments, fit.fits, fit.implied, strict=True)
    }
    pairs = {
        f"{a}.{b}": {"estimate": float(fit.correlation[i, j]), "standard_error": float(fit.correlation_error[i, j])}
        for j, b in enumerate(fit.markets)
        for i, a in enumerate(fit.markets[:j])
    }
    return {"markets": markets, "correlation": pairs, "warnings": fit.warnings}
