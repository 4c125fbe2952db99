"""Programs that compile in half the time and run slower: for tests whose runs are small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from stress.mc.block import simulate_block

OPTIONS: dict[str, bool | str] = {"xla_backend_optimization_level": "0"}


def quick(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled."""
    return jax.jit(function, compiler_options=OPTIONS)


block = quick(simulate_block)
