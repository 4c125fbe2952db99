"""Monte Carlo stress tests for perpetual-futures venues.

``run``, ``decide``, ``simulate_prices`` and ``replay`` take Hydra override strings; see :mod:`stress.api`. They are
imported on first use, so that ``import stress`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stress.api import Decision, Result, decide, replay, run, simulate_prices

__version__ = "0.1.0"
__all__ = ["Decision", "Result", "__version__", "decide", "replay", "run", "simulate_prices"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from stress import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
