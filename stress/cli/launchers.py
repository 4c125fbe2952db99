"""Hydra's launchers and sweepers that are plugins: which one is missing, and what each job may take of the machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from stress.errors import UserError
from stress.mc.cores import SHARE, own_cores

PLUGINS = {
    "hydra/launcher": {
        "joblib": ("hydra_joblib_launcher", "joblib"), "submitit_local": ("hydra_submitit_launcher", "slurm"),
        "submitit_slurm": ("hydra_submitit_launcher", "slurm"), "ray": ("hydra_ray_launcher", "ray"),
    },
    "hydra/sweeper": {"optuna": ("hydra_optuna_sweeper", "optuna")},
}
"""By group and preset: the plugin's package and the extra that installs it."""
SETTINGS = {"hydra/launcher": "hydra/resources", "hydra/sweeper": "hydra/trials"}
"""Groups with our settings of those presets, which are the plugins' own."""
QUIET = ("LocalLauncher", "SlurmLauncher")
"""Launchers whose jobs print into files of their own."""
BYTES_PER_GB = 1e9


def require_plugins(overrides: list[str]) -> None:
    """Raise UserError for a launcher or sweeper whose plugin is not installed."""
    for override in overrides:
        group, _, name = override.lstrip("+").partition("=")
        package, extra = PLUGINS.get(group, {}).get(name, (None, None))
        if package is not None and not installed(package):
            raise UserError(f"{override}: the plugin is not installed. Install it with: "
                            f"pip install 'perpstress[{extra}]'.")


def settings_of_plugins(overrides: list[str]) -> list[str]:
    """Overrides that put our settings on top of those that the chosen plugins bring along."""
    chosen = dict(override.lstrip("+").split("=", 1) for override in overrides if override.lstrip("+").startswith(
        tuple(f"{group}=" for group in PLUGINS)))
    return [f"+{SETTINGS[group]}@{group.replace('/', '.')}={name}" for group, name in chosen.items()
            if name in PLUGINS[group]]


def installed(package: str) -> bool:
    """Whether a plugin of Hydra is there."""
    try:
        return find_spec(f"hydra_plugins.{package}") is not None
    except ModuleNotFoundError:
        return False


def kind(node: Mapping[str, Any]) -> str:
    """The class that a launcher's or sweeper's settings name."""
    return str(node.get("_target_")).rpartition(".")[2]


def share_cores(launcher: Mapping[str, Any]) -> None:
    """Keep this process, which runs a job of the launcher, to the cores of one job; before JAX starts."""
    cores = cores_of_a_job(launcher, own_cores())
    if cores is not None:
        os.environ[SHARE] = str(cores)


def cores_of_a_job(launcher: Mapping[str, Any], cores: int) -> int | None:
    """Cores that one job may use where ``cores`` are there; None: all of them, for there is one job at a time."""
    match kind(launcher):
        case "JoblibLauncher":
            jobs = int(launcher["n_jobs"])
            return max(1, cores // max(1, jobs if jobs > 0 else cores + 1 + jobs))  # -1: all cores, -2: all but one
        case "LocalLauncher" | "SlurmLauncher":
            wanted = launcher.get("cpus_per_task")
            return None if wanted is None else min(cores, int(wanted))
        case "RayLauncher":
            wanted = launcher["ray"].get("remote", {}).get("num_cpus", 1)
            return min(cores, max(1, int(wanted)))
    return None


def jobs_at_a_time(launcher: Mapping[str, Any], cores: int, memory: float) -> int | None:
    """Jobs that a launcher which starts all of them at once may be given; None: it knows itself.

    ``memory`` in bytes.
    """
    if kind(launcher) != "LocalLauncher":
        return None
    by_cores = cores // max(1, int(launcher.get("cpus_per_task") or cores))
    by_memory = memory / (BYTES_PER_GB * float(launcher.get("mem_gb") or 1e-3))
    return max(1, int(min(by_cores, by_memory)))
