"""Jobs of a sweep are composed once: Hydra composes them all before the first starts, to check them, and forgets them.

Composing again takes longer than anything else between two jobs; next come the copies that Hydra makes of a job's
configuration, so it is given its own node only, and the job finds the rest here.
"""

from __future__ import annotations

import re
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from stress.cli.alike import Alike

BASIC = ("BasicSweeper", "BasicLauncher")
"""Who composes a job twice and runs it here; other launchers would send what is kept along with every job."""


OURS = {"sweep_report"}
"""Callbacks that do without the sections of a job."""

INSIDE = re.compile(r"\$\{(?!hydra[.:}]|now:|oc\.env:)")
"""An interpolation that may need more than Hydra's own node."""


class ComposedOnce:
    """Hydra's config loader; what it composes to check a job is kept until it is asked for to run it."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._alike = Alike(loader.load_sweep_config)
        self._kept: dict[tuple[str, ...], Any] = {}
        self.checked: list[tuple[str, ...]] = []  # overrides of jobs in their order, up to the first that was to be run
        self.running: Any = None  # the whole configuration of the job that was given last to be run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_sweep_config(self, master_config: Any, sweep_overrides: list[str]) -> Any:
        """The configuration of one job; the second time it is to be run, and Hydra gets what it needs for that."""
        key = tuple(sweep_overrides)
        ready = self._kept.get(key)
        if None not in self._kept.values() and ready is None:
            self.checked.append(key)
        if ready is None:
            ready = self._alike.config(master_config, sweep_overrides)
        if key not in self._kept:
            self._kept[key] = ready
            return ready
        self._kept[key], self.running = None, ready
        return _node(ready) if _apart(ready.hydra) else ready

    def ahead(self, first: Any) -> list[Any] | None:
        """Configurations of all jobs when the ``first`` was given to be run; None where two jobs are the same."""
        jobs = [first, *(self._kept.get(key) for key in self.checked[1:])]
        return None if any(job is None for job in jobs) else jobs


def _apart(node: Any) -> bool:
    """Whether Hydra's node can do without the sections: it names none of them, and no callback gets them."""
    return set(node.callbacks) == OURS and not INSIDE.search(str(OmegaConf.to_container(node, resolve=False)))


def _node(ready: Any) -> Any:
    """Hydra's node alone; the time in the names of folders is that of the sweep."""
    node = OmegaConf.masked_copy(ready, "hydra")
    OmegaConf.copy_cache(from_config=ready, to_config=node)
    return node


def whole(composed: Any) -> Any:
    """The whole configuration of the job that Hydra runs with ``composed``."""
    loader = getattr(GlobalHydra.instance().hydra, "config_loader", None)
    running = loader.running if isinstance(loader, ComposedOnce) else None
    return composed if running is None else running


def jobs_ahead(first: Any) -> list[Any] | None:
    """Configurations of all jobs of this process's sweep at its ``first``; None where they are not known."""
    loader = getattr(GlobalHydra.instance().hydra, "config_loader", None)
    return loader.ahead(first) if isinstance(loader, ComposedOnce) else None


def compose_once(config: Any) -> None:
    """Have the sweep that is about to start, with this configuration, compose its jobs once."""
    hydra: Any = GlobalHydra.instance().hydra
    names = [str(node.get("_target_")).rpartition(".")[2] for node in (config.hydra.sweeper, config.hydra.launcher)]
    if hydra is not None and tuple(names) == BASIC:
        hydra.config_loader = ComposedOnce(hydra.config_loader)
