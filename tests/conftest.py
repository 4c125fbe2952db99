"""JAX for all tests: doubles, a compilation cache of their own, and no programs left behind by a file."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from stress.cli.runtime import WHOLE_LOOPS

CACHE = Path(tempfile.gettempdir()) / "perpstress-tests"

os.environ["XDG_CACHE_HOME"] = str(CACHE)
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=1"  # compiles sooner
os.environ["XLA_FLAGS"] += f" {WHOLE_LOOPS}"  # as commands do, for the last bits may hang on it
if jax.__version_info__ < (0, 11):  # as blocks are compiled (stress.mc.program.COMPILER)
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false"

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_compilation_cache_dir", str(CACHE / f"jaxlib-{jax.lib.__version__}"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)

MAPS, MOST_MAPS = Path("/proc/self/maps"), 30_000
gc.set_threshold(100_000, 20, 100)  # traced programs are millions of objects: looking through them takes a tenth


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the dear ones slow, before the fast tier is chosen."""
    from dear import DEAR

    for item in items:
        if item.nodeid in DEAR:
            item.add_marker(pytest.mark.slow)
    stale = set(DEAR) - {item.nodeid for item in items}
    if stale and config.args == config.getini("testpaths"):
        raise pytest.UsageError(f"tests/dear.py names what is no test: {sorted(stale)}")


@pytest.fixture(scope="module", autouse=True)
def _programs_of_other_files() -> Iterator[None]:
    """Free them: a process that keeps a thousand programs takes 6 GB and runs out of regions to map memory in."""
    yield
    _free_programs()


@pytest.fixture(autouse=True)
def _programs_of_slow_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Free them within a file, too, where they take half the regions that Linux lets a process map; it would crash."""
    yield
    if request.node.get_closest_marker("slow") and MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        _free_programs()


def _free_programs() -> None:
    from stress.mc.program import forget_programs

    forget_programs()
    jax.clear_caches()
    gc.collect()


@pytest.fixture(scope="module")
def compiled_soon() -> Iterator[None]:
    """Blocks are compiled in half the time and run slower: for files whose runs are many and small."""
    from stress.mc import program

    with pytest.MonkeyPatch.context() as patch:
        for options in (program.COMPILER, program.DENSE):
            patch.setitem(options, "xla_backend_optimization_level", "0")
        program.forget_programs()
        yield


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are traced and not compiled; on their paths nothing happens. For runs whose surroundings are the matter."""
    from stress.mc import program
    from stress.types import NEVER

    def trace(job: Any, device: Any) -> Any:
        shapes = jax.eval_shape(program.simulate_block, job, np.uint32(0), np.int32(0))
        nothing = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        nothing.outcome.depletion_tick[:] = NEVER
        for prices in nothing.trace.values():
            prices[...] = 1
        return lambda job, block, traced: nothing

    program.forget_programs()
    monkeypatch.setattr(program, "_compile_as_is", trace)
    monkeypatch.setattr(program, "_compiled", {})
