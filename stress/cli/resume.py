"""Finishing a run that was killed: its own configuration, its own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stress.cli.jobs import CONFIG_FILE
from stress.config.parse import parse
from stress.config.schema import Config
from stress.errors import UserError

RECORDS = ("manifest.json", "decision.json")
"""What the folder of a run, or of a decision, has one of."""
FREE = ("run.devices", "run.processes", "run.coordinator", "run.progress", "report.")
"""What may differ from the run that is finished: none of it changes a number."""


def resumed_folder(overrides: list[str]) -> Path | None:
    """The folder of ``run.resume=DIR`` among ``overrides``; None without one."""
    for override in reversed(overrides):
        key, _, value = override.lstrip("+").partition("=")
        if key == "run.resume":
            text = value.strip("'\"")
            return None if text in ("", "null") else Path(text)
    return None


def load_resumed(folder: Path, overrides: list[str]) -> Config:
    """The configuration that ``folder`` was started with, and the few overrides that may change.

    Raises UserError when the folder holds no run, or an override would change the run's numbers.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf

    file = folder / CONFIG_FILE
    if not file.is_file() or not any((folder / record).is_file() for record in RECORDS):
        raise UserError(f"run.resume: {folder} holds no run to finish (no {CONFIG_FILE}, or no "
                        f"{' or '.join(RECORDS)}). Give the folder of a killed run, or start it anew without "
                        "run.resume.")
    stored = OmegaConf.load(file)
    OmegaConf.update(stored, "run.processes", 1)  # those that helped are gone
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.key_or_group
        if key == "run.resume":
            continue
        if not key.startswith(FREE) or override.is_sweep_override():
            raise UserError(f"{override.input_line}: not allowed with run.resume, which finishes the run as it was "
                            f"configured. Only {', '.join(FREE[:-1])} and report.* may change; else start a new run.")
        OmegaConf.update(stored, key, override.value())
    container: Any = OmegaConf.to_container(stored, resolve=False)
    return parse(container)
