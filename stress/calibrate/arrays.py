"""What the pages on a fit draw, as named arrays; and JSON without what JSON has not."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from stress.calibrate.funding import FundingFit
from stress.calibrate.liquidity import LiquidityFit
from stress.files import write_bytes
from stress.liquidity.calibrate.response import response_bins
from stress.protocol.funding_fit.implied import rates, simulate

PATHS, SEED = 20, 20251010
GRID = 200


def liquidity_arrays(fit: LiquidityFit) -> dict[str, np.ndarray]:
    """``time_M`` (s since 1970) and ``usd_M`` of every market M; ``log_volatility``, ``log_depth`` by bins of all."""
    found: dict[str, np.ndarray] = {}
    for windows in fit.history.windows:
        found |= {f"time_{windows.market}": windows.end, f"usd_{windows.market}": windows.usd}
    if fit.volatility:
        found["log_volatility"], found["log_depth"] = response_bins(fit.history.windows, fit.volatility)
    return found


def funding_arrays(fit: FundingFit) -> dict[str, np.ndarray]:
    """``time_M``, ``rate_M`` of every market M; shares of rates below ``grid_M``: ``seen_M``, ``fitted_M``."""
    found = {}
    for paid, process in zip(fit.payments, fit.fits, strict=True):
        market, random = paid.market, np.random.default_rng(SEED)
        rate = np.where(paid.inside, paid.interest, rates(np.nan_to_num(paid.premium), paid))
        drawn = np.sort(rates(simulate(paid, process, PATHS, random), paid).ravel())
        low, high = np.quantile(rate, (0.002, 0.998))
        grid = np.linspace(min(low, drawn[0]), max(high, drawn[-1]), GRID)
        found |= {
            f"time_{market}": paid.seconds,
            f"rate_{market}": rate,
            f"grid_{market}": grid,
            f"seen_{market}": np.searchsorted(np.sort(rate), grid, side="right") / len(rate),
            f"fitted_{market}": np.searchsorted(drawn, grid, side="right") / len(drawn),
        }
    return found


def write_arrays(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays, atomically."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_bytes(file, buffer.getvalue())


def strict(value: Any) -> Any:
    """Plain values with null for what is not finite."""
    if isinstance(value, dict):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
