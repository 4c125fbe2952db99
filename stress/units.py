"""Units: time in years of 365 days inside the models, named units everywhere else."""

SECONDS_PER_MINUTE = 60.0
SECONDS_PER_HOUR = 3600.0
SECONDS_PER_DAY = 24.0 * SECONDS_PER_HOUR
HOURS_PER_YEAR = 24.0 * 365.0
SECONDS_PER_YEAR = SECONDS_PER_HOUR * HOURS_PER_YEAR
BASIS_POINT = 1e-4
DEPTH_REFERENCE_MOVE = 0.01
"""Depth is the USD that moves the price by this much (1 %)."""


def years(seconds: float) -> float:
    """Seconds as years of 365 days."""
    return seconds / SECONDS_PER_YEAR
