"""Sentences that several models put into presets and warnings."""

from __future__ import annotations

DRIFT = "not identified by a sample of years (estimates: calibration.json)"

DURATION = "s; assumed: closes do not say how fast a gap is (see experiment=gap_duration)"

DURATION_WARNING = "jump_duration_seconds is assumed: closes of bars do not say how fast a gap is."

ONE_MARKET = "One market: common jumps cannot be told from own ones and are left out."

JUMPS = {
    "intensity": "own jumps per year", "mean": "of the own log-jump", "std": "of the own log-jump",
    "common_intensity": "jumps of all markets at once, per year", "common_mean": "of the common log-jump",
    "common_std": "of the common log-jump", "common_correlation": "between markets, of the common log-jumps",
    "up_probability": "of an own jump to be up", "eta_up": "up-jumps ~ Exp(eta_up), of the log price",
    "eta_down": "down-jumps ~ Exp(eta_down)", "common_up_probability": "of a common jump to be up, in all markets",
    "common_eta_up": "common up-jumps: one exponential, divided by each market's",
    "common_eta_down": "common down-jumps, likewise",
}
"""Comments on the keys of a jump section."""


def plain(value: float) -> float | int:
    """A whole number without its decimal point."""
    return int(value) if float(value).is_integer() else value
