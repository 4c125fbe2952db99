"""Checks of the oracle and of the price of the risk check."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.oracle import MarkConfig, OracleConfig
from stress.errors import bad_value

NEEDED = {"band": ("band",), "ema": ("half_life_seconds",), "median": ("half_life_seconds",),
          "stable": ("stable",)}
"""Keys that a mark price does not do without."""
ALLOWED = {"ema": ("band",), "median": ("band",)}
"""Further keys."""
OF_A_KIND = ("band", "half_life_seconds", "stable")


def check_oracle(oracle: OracleConfig, step_seconds: float | None) -> Iterator[str]:
    """Messages on the section."""
    half_life = oracle.divergence_half_life_seconds
    if (oracle.divergence_limit is None) != (half_life is None):
        yield str(bad_value("protocol.oracle.divergence_half_life_seconds", half_life,
                            "given together with protocol.oracle.divergence_limit, or null as that"))
    confidence = oracle.confidence
    if confidence is not None and confidence.floor >= confidence.limit:
        yield str(bad_value("protocol.oracle.confidence.floor", confidence.floor,
                            f"< protocol.oracle.confidence.limit={confidence.limit:g}",
                            "At such a limit nobody is ever liquidated: raise it, or lower the floor."))
    if oracle.mark is not None:
        yield from _mark(oracle.mark, "protocol.oracle.mark")
        yield from _interval(oracle.mark, step_seconds)


def _mark(mark: MarkConfig, key: str) -> Iterator[str]:
    needed, allowed = NEEDED[mark.kind], ALLOWED.get(mark.kind, ())
    for name in OF_A_KIND:
        value = getattr(mark, name)
        if name in needed and value is None:
            yield str(bad_value(f"{key}.{name}", None, f"a value when kind={mark.kind}"))
        if value is not None and name not in (*needed, *allowed):
            yield str(bad_value(f"{key}.{name}", value, f"null when kind={mark.kind}", "Leave it out."))


def _interval(mark: MarkConfig, step_seconds: float | None) -> Iterator[str]:
    if mark.stable is not None and step_seconds is not None and mark.stable.interval_seconds < step_seconds:
        yield str(bad_value("protocol.oracle.mark.stable.interval_seconds", mark.stable.interval_seconds,
                            f"at least one tick (run.step_seconds={step_seconds:g})"))
