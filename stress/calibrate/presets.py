"""The presets that come out: ``liquidity`` and ``funding`` sections, and depth in the regimes of a ``price`` one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from stress import __version__
from stress.calibrate.funding import FundingFit
from stress.calibrate.liquidity import LiquidityFit, Multiplier, longest_gap
from stress.config.schema import Config
from stress.files import write_text
from stress.price.calibrate.history import moment
from stress.price.calibrate.preset import MADE_BY, preset_text
from stress.price.calibrate.rounding import by_market, by_pair, rounded

LIQUIDITY_METHOD = (
    "level: geometric mean of the last windows, in the price model's first regime, interval for dependent windows; "
    "elasticity and regimes: least squares of log depth beside its own month and the time of the week; the error of "
    "realised volatility taken out by instrumenting odd with even bars; standard errors after Newey and West"
)
FUNDING_METHOD = (
    "maximum likelihood of an Ornstein-Uhlenbeck premium seen through the clamp: payments at the interest only say "
    "that the premium is within the clamp of it; standard errors allow for clustered volatility; correlations by pairs"
)
ASSUMED_BOOK = ["law", "exponent", "half_spread_bps", "recovery_half_life_minutes", "withdrawal", "max_displacement"]
DEPTH_LINE = re.compile(r"^( +depth_multiplier: )[^#\n]*(#.*)?$", re.MULTILINE)


def liquidity_text(cfg: Config, fit: LiquidityFit) -> str:
    """The liquidity preset as text."""
    book, markets = cfg.liquidity, list(fit.levels)
    first, last = (moment(edge(w.end[k] for w in fit.history.windows)) for edge, k in ((min, 0), (max, -1)))
    heading = [
        f"Depth of {', '.join(markets)} as measured, last {cfg.calibrate.level_days:g} days to {last[:10]}.",
        "Depth is of the venue that was measured: another one has its share of it.",
        "Impact law, spread, recovery and withdrawal are assumed.",
        "Written by calibrate; provenance below.",
    ]
    section: dict[str, Any] = {
        "law": book.law,
        "exponent": book.exponent,
        "depth_usd": by_market(markets, np.array([v.usd for v in fit.levels.values()]), 3),
        "half_spread_bps": book.half_spread_bps,
        "recovery_half_life_minutes": book.recovery_half_life_minutes,
        "withdrawal": book.withdrawal,
        "max_displacement": book.max_displacement,
    }
    notes = dict.fromkeys(ASSUMED_BOOK, "assumed")
    notes |= {
        "depth_usd": "USD within 1 % of mid, mean of both sides; fitted"
        + (f", in regime {fit.multipliers[0].regime} of price" if fit.multipliers else ""),
        "recovery_half_life_minutes": "min; assumed",
        "half_spread_bps": "bp; assumed",
        "withdrawal": "assumed: means over hours do not show it (provenance: withdrawal_seen)",
    }
    return preset_text(heading, section, notes, _liquidity_provenance(cfg, fit, first, last))


def _liquidity_provenance(cfg: Config, fit: LiquidityFit, first: str, last: str) -> dict[str, Any]:
    levels = {
        m: {
            "low": rounded(v.low, 3),
            "high": rounded(v.high, 3),
            "mean_usd": rounded(v.mean_usd, 3),
            "change_a_year": rounded(float(np.expm1(v.trend)), 2),
            "scatter": rounded(v.scatter, 2),
            "bid_share": rounded(v.bid_share, 3),
        }
        for m, v in fit.levels.items()
    }
    elasticities = {**fit.by_market, **({"all_markets": fit.pooled} if fit.pooled else {})}
    seen = {
        f"displacement_{v.displacement:g}": (
            f"lowers the mean depth of its window by {v.drop:.1%}, beside a scatter of {v.scatter:.0%}; "
            f"{_events(v.events)} such events would show it"
        )
        for v in fit.withdrawal
    }
    return _head(cfg, "liquidity", LIQUIDITY_METHOD) | {
        "fitted": ["depth_usd"],
        "assumed": ASSUMED_BOOK,
        "confidence": cfg.run.confidence,
        "level": levels,
        "elasticity_to_volatility": {
            m: _pair(e.corrected.estimate, e.corrected.standard_error) for m, e in elasticities.items()
        },
        "depth_multiplier": {m.regime: [rounded(x, 3) for x in (m.estimate, m.low, m.high)] for m in fit.multipliers}
        or fit.no_multipliers,
        "withdrawal_seen": seen,
        "worst_windows_without_depth": {m: f"{a} of {b}" for m, (a, b) in fit.worst_missing.items()},
        "longest_time_without_depth": {
            w.market: " to ".join(moment(end) for end in longest_gap(w)) for w in fit.history.windows
        },
        "data": {
            "window_seconds": fit.history.windows[0].seconds,
            "start": first,
            "end": last,
            "files": {fit.history.file.file.name: fit.history.file.sha256},
            "markets": fit.history.describe(),
        },
    }


def _events(number: float) -> str:
    return f"{number:,.0f}" if number < 1e6 else "more than a million"


def funding_text(cfg: Config, fit: FundingFit) -> str:
    """The funding preset as text: a part of ``protocol.funding``."""
    markets, rules, paid = fit.markets, cfg.protocol.funding, fit.payments
    heading = [
        "@package protocol.funding",
        f"Premium of {', '.join(markets)}, fitted to funding rates, on top of any venue.",
        "Written by calibrate; provenance below.",
    ]
    interest = {m: p.interest for m, p in zip(markets, paid, strict=True)}
    usual = max(interest.values(), key=list(interest.values()).count)
    section: dict[str, Any] = {
        "interval_hours": rounded(paid[0].interval / 3600.0, 4),
        "interest_rate": usual if len(set(interest.values())) == 1 else {**interest, "default": usual},
        "clamp": rules.clamp,
        "premium": by_market(markets, np.array([f.mean for f in fit.fits]), 3),
        "premium_process": {
            "half_life_hours": by_market(markets, np.array([f.half_life_hours for f in fit.fits]), 3),
            "std": by_market(markets, np.array([f.std for f in fit.fits]), 3),
            "correlation": by_pair(markets, fit.correlation),
            "initial": None,
        },
    }
    notes = {
        "interval_hours": "h; of the data",
        "interest_rate": "the rate paid most often",
        "clamp": "assumed",
        "premium": "long-run mean; fitted",
        "premium_process.half_life_hours": "h; fitted",
        "premium_process.std": "fitted",
        "premium_process.correlation": "of the shocks; fitted",
        "premium_process.initial": "a draw from what it settles at",
    }
    first = moment(min(p.seconds[0] for p in paid))
    errors = {
        f.market: {
            "mean": rounded(f.errors[0], 2),
            "half_life_hours": rounded(f.errors[1] * f.half_life_hours, 2),
            "std": rounded(f.errors[2] * f.std, 2),
        }
        for f in fit.fits
    }
    compared = {
        f.market: {
            name: f"{100 * row.data:.3g} % (simulated {100 * row.low:.3g} to {100 * row.high:.3g} %)"
            for name, row in found.items()
            if name != "autocorrelation"
        }
        for f, found in zip(fit.fits, fit.implied, strict=True)
    }
    provenance = _head(cfg, "premium process", FUNDING_METHOD) | {
        "fitted": ["premium", "premium_process"],
        "assumed": ["clamp"],
        "standard_errors": errors,
        "rates_seen": compared,
        "warnings": fit.warnings,
        "data": {
            "start": first,
            "end": moment(max(p.seconds[-1] for p in paid)),
            "files": {fit.file.file.name: fit.file.sha256},
            "markets": {
                p.market: {
                    "payments": len(p.seconds),
                    "hidden_by_the_clamp": int(p.inside.sum()),
                    "rows_read": fit.file.rows[p.market].read,
                    "rows_refused": {**fit.file.rows[p.market].refused, **p.dropped},
                }
                for p in paid
            },
        },
    }
    return preset_text(heading, section, notes, provenance)


def _head(cfg: Config, model: str, method: str) -> dict[str, Any]:
    return {
        "made_by": MADE_BY,
        "version": __version__,
        "date": moment(datetime.now(UTC).timestamp())[:10],
        "model": model,
        "source": cfg.data.source or "not stated",
        "method": method,
    }


def _pair(estimate: float, error: float) -> list[float]:
    return [rounded(estimate, 3), rounded(error, 2)]


def write_depths(preset: Path, multipliers: list[Multiplier], files: dict[str, str]) -> bool:
    """Put fitted multipliers into the regimes of a price preset of calibrate; False where they are not its own.

    ``files`` are the hashes by name of what they were fitted to.
    """
    text = preset.read_text(encoding="utf-8")
    names = list(yaml.safe_load(text).get("regimes") or {})
    if names != [m.regime for m in multipliers] or len(DEPTH_LINE.findall(text)) != len(names):
        return False
    numbers = iter(multipliers)

    def line(match: re.Match[str]) -> str:
        m = next(numbers)
        note = (
            "the reference: liquidity.depth_usd"
            if m.low == m.high
            else (f"fitted: {m.low:.3g} to {m.high:.3g}; mean depth over hours, less of it in the worst minutes")
        )
        return f"{match[1]}{rounded(m.estimate, 3)} # {note}"

    text = DEPTH_LINE.sub(line, text)
    for name in names:
        text = text.replace(f"  - regimes.{name}.depth_multiplier\n", "")
    fitted = {f"regimes.{m.regime}.depth_multiplier": [rounded(x, 3) for x in (m.low, m.high)] for m in multipliers[1:]}
    more = yaml.safe_dump({"depth": {"fitted_to": files, "intervals": fitted}}, sort_keys=False)
    write_text(preset, text + "".join(f"  {line}\n" for line in more.splitlines()))  # provenance is what stands last
    return True
