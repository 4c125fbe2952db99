"""Checks of margin requirements that follow the market."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.adaptive import AdaptiveMarginConfig
from stress.errors import bad_value

KEY = "protocol.adaptive"
NEEDS = {
    "volatility": ("half_life_minutes", "reference_volatility", "max_multiplier"),
    "staged": ("window_minutes", "stages"),
}
"""What each kind is made of."""
LONGEST = 720
"""Ticks of a window: the index of each is remembered for every path."""


def check_adaptive(adaptive: AdaptiveMarginConfig | None, step_seconds: float | None) -> Iterator[str]:
    """Messages on the section."""
    if adaptive is None:
        return
    for name in (name for needs in NEEDS.values() for name in needs):
        needed, value = name in NEEDS[adaptive.kind], getattr(adaptive, name)
        if needed and value is None:
            yield str(bad_value(f"{KEY}.{name}", None, f"a value when kind={adaptive.kind}"))
        if not needed and value is not None:
            yield str(bad_value(f"{KEY}.{name}", value, f"null when kind={adaptive.kind}", "Leave it out."))
    yield from _stages(adaptive)
    yield from _window(adaptive, step_seconds)


def _stages(adaptive: AdaptiveMarginConfig) -> Iterator[str]:
    if adaptive.stages is None:
        return
    for name in ("move", "multiplier"):
        values = [getattr(stage, name) for stage in adaptive.stages]
        if not values or values != sorted(set(values)):
            yield str(bad_value(f"{KEY}.stages", values, f"at least one stage, each of a larger {name}"))


def _window(adaptive: AdaptiveMarginConfig, step_seconds: float | None) -> Iterator[str]:
    window = adaptive.window_minutes
    if window is not None and step_seconds is not None and window * 60.0 > LONGEST * step_seconds:
        most = LONGEST * step_seconds / 60.0
        yield str(bad_value(f"{KEY}.window_minutes", window, f"at most {most:g} ({LONGEST} ticks)",
                            "Shorten it, or raise run.step_seconds."))
