"""Jobs of a sweep are composed once: Hydra composes them all before the first starts, to check them, and forgets them.

Composing again takes longer than anything else between two jobs.
"""

from __future__ import annotations

from typing import Any

from hydra.core.global_hydra import GlobalHydra

from stress.cli.alike import Alike

BASIC = ("BasicSweeper", "BasicLauncher")
"""Who composes a job twice and runs it here; other launchers would send what is kept along with every job."""


class ComposedOnce:
    """Hydra's config loader; what it composes to check a job is kept until it is asked for to run it."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._alike = Alike(loader.load_sweep_config)
        self._kept: dict[tuple[str, ...], Any] = {}
        self.checked: list[tuple[str, ...]] = []  # overrides of jobs in their order, up to the first that was to be run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_sweep_config(self, master_config: Any, sweep_overrides: list[str]) -> Any:
        """The configuration of one job, which is given to be run once only: a run writes into it."""
        key = tuple(sweep_overrides)
        ready = self._kept.get(key)
        if None not in self._kept.values() and ready is None:
            self.checked.append(key)
        if ready is None:
            ready = self._alike.config(master_config, sweep_overrides)
        self._kept[key] = None if key in self._kept else ready
        return ready

    def ahead(self, first: Any) -> list[Any] | None:
        """Configurations of all jobs when the ``first`` was given to be run; None where two jobs are the same."""
        jobs = [first, *(self._kept.get(key) for key in self.checked[1:])]
        return None if any(job is None for job in jobs) else jobs


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
