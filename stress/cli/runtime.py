"""Setting JAX up before it starts: doubles, the compilation cache. No other module touches these."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from stress.config.schema import RunConfig

WHOLE_LOOPS = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=16000000"


def configure_jax(run: RunConfig, *, debug: bool = False) -> None:
    """Set JAX up for ``run``; call it before anything is computed.

    Safe to call again (sweeps do, for every job). Parameters:
        run: ``compile_cache`` is read.
        debug: stop at the first NaN.
    """
    logging.getLogger("jax").setLevel(logging.WARNING)  # else its chatter ends in the console
    import jax

    _whole_loops()
    jax.config.update("jax_enable_x64", True)  # the money ledger
    jax.config.update("jax_debug_nans", debug)
    _compilation_cache(run.compile_cache)


def _whole_loops() -> None:
    """Ask XLA on CPUs to compile loops over small arrays (16 MB a turn) as one function, however long their body is.

    Else every operation of a long body is scheduled on its own, which takes longer than most of them do. Loops over
    larger arrays gain little by it and take long to compile; a history of six years of hours in seven markets is
    still within. XLA reads the environment when it starts: in a process that has used JAX before, programs are slower
    and right all the same.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if WHOLE_LOOPS.split("=", maxsplit=1)[0] not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {WHOLE_LOOPS}".strip()


def cache_folder() -> Path:
    """Folder of compiled programs: the user's cache, apart for each jaxlib and CPU, which neither can share."""
    return user_cache() / f"jaxlib-{version('jaxlib')}-{_cpu_fingerprint()}"


def user_cache() -> Path:
    """The user's cache folder by the platform's custom."""
    if os.environ.get("XDG_CACHE_HOME"):
        base = Path(os.environ["XDG_CACHE_HOME"])
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32" and os.environ.get("LOCALAPPDATA"):
        base = Path(os.environ["LOCALAPPDATA"])
    else:
        base = Path.home() / ".cache"
    return base / "perpstress"


def _compilation_cache(wanted: bool) -> None:
    import jax

    jax.config.update("jax_enable_compilation_cache", wanted)
    if not wanted:
        return
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # a home that cannot be written, or none: compile anew, nothing is lost
        logging.getLogger(__name__).debug("no compilation cache: %s", error)
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _cpu_fingerprint() -> str:
    """Model and instruction sets of the CPU, hashed: a cached program may use any of them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        facts = sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})
    except OSError:
        facts = [platform.processor(), platform.machine()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]
