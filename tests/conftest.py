"""JAX for all tests: doubles, and a compilation cache of their own."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

CACHE = Path(tempfile.gettempdir()) / "perpstress-tests"

os.environ["XDG_CACHE_HOME"] = str(CACHE)
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=1"  # compiles sooner
if jax.__version_info__ < (0, 11):  # as blocks are compiled (stress.mc.program.COMPILER)
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false"

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_compilation_cache_dir", str(CACHE / f"jaxlib-{jax.lib.__version__}"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)

MAPS = Path("/proc/self/maps")
MOST_MAPS = 20_000
"""Memory maps of a process from which on compiled programs are let go: each takes several, and Linux allows 65,530."""


@pytest.fixture(autouse=True, scope="module")
def room_for_programs() -> Iterator[None]:
    """Without it a worker that has compiled a few thousand programs dies in the compiler."""
    yield
    if MAPS.exists() and len(MAPS.read_bytes().splitlines()) > MOST_MAPS:
        jax.clear_caches()
        gc.collect()
