"""JAX for all tests: doubles, and a compilation cache of their own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ["XDG_CACHE_HOME"] = str(Path(tempfile.gettempdir()) / "perpstress-tests")

import jax  # the cache folder must be known first

jax.config.update("jax_enable_x64", True)
