"""JAX for all tests: doubles, and a compilation cache of their own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import jax

CACHE = Path(tempfile.gettempdir()) / "perpstress-tests"

os.environ["XDG_CACHE_HOME"] = str(CACHE)
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=1"  # compiles sooner
if jax.__version_info__ < (0, 11):  # as blocks are compiled (stress.mc.program.COMPILER)
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false"

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_compilation_cache_dir", str(CACHE / f"jaxlib-{jax.lib.__version__}"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
