"""What the commands do, without the command line: execute a study into a run folder, replay a path, give prices.

Expects JAX to be set up (``stress.cli.runtime.configure_jax``): float64 on.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import platform
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np
from pyarrow import parquet

from stress import __version__
from stress.book.exposure import book_table, liquidation_heatmap
from stress.build.study import Study
from stress.config.check_history import from_history
from stress.config.schema import Config
from stress.errors import UserError
from stress.files import read_json, write_json
from stress.mc.limits import judge
from stress.mc.processes import agree_on, shared_stream
from stress.mc.program import compile_program, pick_workers
from stress.mc.run import drop_chunks, estimate, join, simulate
from stress.mc.store import finished_chunks, missing_blocks
from stress.mc.story import tell_story

SCHEMA = 1
EXECUTION_ONLY = {
    "run": ("devices", "processes", "process", "coordinator", "resume", "chunk_seconds", "progress", "compile_cache",
            "variants"),
    "book": ("export",),
}
"""Keys that cannot change a result: not in the configuration hash, nor are report, calibrate, decide, limits and
sweep, nor data where prices come from no history."""
HEATMAP_MOVES = np.round(np.concatenate([np.arange(-0.5, 0.0, 0.01), np.arange(0.01, 0.51, 0.01)]), 4)


def execute(study: Study, folder: Path, *, progress: bool) -> dict[str, Any]:
    """Run ``study`` into ``folder`` and return the summary; a folder of a killed run is finished.

    Writes every file of the run folder but the report. Raises UserError when the folder holds
    another configuration's work.
    """
    started = time.perf_counter()
    plan = study.plan
    agree_on(lambda: _fingerprint(study))
    workers = pick_workers(study.config.run.devices, plan.blocks, plan.job.state_bytes)
    manifest = open_manifest(study, folder, workers)
    left = missing_blocks(finished_chunks(folder), plan.blocks) or study.config.run.processes > 1
    program = compile_program(plan.job, workers) if left else None
    simulate_seconds = 0.0 if program is None else simulate(plan, program, folder, progress=progress)
    _write_book(study, folder)
    chunks = join(plan, folder)
    summary = _summary(study, manifest["config_hash"], estimate(plan, folder))
    tell_story(plan, program, folder)
    timings = {
        "compile_seconds": 0.0 if program is None else program.compile_seconds,
        "simulate_seconds": simulate_seconds,
        "total_seconds": time.perf_counter() - started,
    }
    summary["timings"] = timings
    write_json(folder / "summary.json", summary)
    write_json(
        folder / "manifest.json",
        manifest | {"timings": timings, "chunks": [[c.first, c.last] for c in chunks], "complete": True},
    )
    drop_chunks(folder)
    return summary


def assist(study: Study) -> None:
    """The share in a run of a process other than 0, which gets the results. Raises UserError as :func:`execute`."""
    plan = study.plan
    agree_on(lambda: _fingerprint(study))
    program = compile_program(plan.job, pick_workers(study.config.run.devices, plan.blocks, plan.job.state_bytes))
    for _ in shared_stream(plan, program, []):
        pass


def _fingerprint(study: Study) -> str:
    """Hash of all that must be the same in processes that share a run: configuration, files and versions."""
    facts = [config_hash(study), __version__, *(metadata.version(name) for name in ("jax", "jaxlib"))]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _summary(study: Study, identity: str, estimates: dict[str, Any]) -> dict[str, Any]:
    plan = study.plan
    return {
        "schema": SCHEMA,
        "config_hash": identity,
        "seed": study.config.run.seed,
        "paths": plan.paths,
        "steps": plan.job.steps,
        "step_seconds": plan.step_seconds,
        "accounts": study.book.accounts,
        "markets": plan.markets,
        **estimates,
        "limits": [dataclasses.asdict(v) for v in judge(study.config.limits, estimates["metrics"])],
        "stopped": {"reason": "the planned number of paths was reached", "planned_paths": plan.paths},
    }


def config_hash(study: Study) -> str:
    """Hash of everything that can change a result: the configuration and the contents of the files it names."""
    config = result_settings(study.config)
    config["files"] = sorted(data_hashes(study).values())
    config["block"] = study.plan.job.block_paths
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def result_settings(config: Config) -> dict[str, Any]:
    """The settings that can change a result, by section and key."""
    settings = dataclasses.asdict(config)
    settings["data"].pop("source")
    unread = () if from_history(config.price) else ("data",)
    for section in ("report", "calibrate", "decide", "limits", "sweep", "debug", *unread):
        settings.pop(section)
    for section, keys in EXECUTION_ONLY.items():
        for key in keys:
            settings[section].pop(key)
    return settings


def data_hashes(study: Study) -> dict[str, str]:
    """SHA-256 of every file the study was read from."""
    book = study.config.book
    files = [*study.market.files, *(f for f in (book.positions, book.collateral) if f and book.kind == "file")]
    return {file: hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files}


def open_manifest(study: Study, folder: Path, workers: tuple[Any, ...]) -> dict[str, Any]:
    """Write the manifest of an unfinished run; refuse a folder that holds other work."""
    file, chunks, identity = folder / "manifest.json", finished_chunks(folder), config_hash(study)
    if (folder / "decision.json").is_file():
        raise UserError(f"{folder}: holds a decision, and a run would take the place of its report. Choose an empty "
                        "folder.")
    if chunks and (not file.is_file() or read_json(file)["config_hash"] != identity):
        raise UserError(
            f"{folder}: holds finished blocks of another configuration. Resume with the same settings and files, "
            "or choose an empty folder."
        )
    manifest = {
        "schema": SCHEMA,
        "version": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("jax", "jaxlib", "numpy")},
        "platform": platform.platform(),
        "devices": [str(device) for device in workers],
        "processes": study.config.run.processes,
        "engine": study.engine,
        "config_hash": identity,
        "data_hashes": data_hashes(study),
        "seed": study.config.run.seed,
        "block_paths": study.plan.job.block_paths,
        "command": sys.argv[1:],
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "book_notes": list(study.book.notes),
        "price_provenance": study.config.price.provenance,
        "protocol_provenance": study.config.protocol.provenance,
        "price_history": study.market.history,
        "liquidity_provenance": study.config.liquidity.provenance,
        "funding_provenance": study.config.protocol.funding.provenance,
        "messages": [],
        "chunks": [],
        "complete": False,
    }
    write_json(file, manifest)
    return manifest


def _write_book(study: Study, folder: Path) -> None:
    """The book at time zero, for the report."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    inverse = study.config.protocol.contract == "inverse"
    parquet.write_table(book_table(study.book, study.prices0, study.margin, inverse), data / "book.parquet")
    notional = liquidation_heatmap(study.book, study.prices0, study.margin, HEATMAP_MOVES, inverse)
    np.savez_compressed(data / "heatmap.npz", move=HEATMAP_MOVES, notional=notional)


def simulate_prices(study: Study) -> np.ndarray:
    """Fundamental prices [P, T + 1, A] in USD, before the venue's own impact."""
    from stress.mc.prices import block_prices

    plan = study.plan
    run = jax.jit(block_prices)
    blocks = [np.asarray(run(plan.job, np.uint32(block))) for block in range(plan.blocks)]
    return np.concatenate(blocks)[: plan.paths]


def replay(study: Study) -> dict[str, Any]:
    """The ledger of one path, tick by tick (docs/reference/outputs.md)."""
    from stress.mc import replay as ledger

    plan = study.plan
    return ledger.replay(plan.job, study.book, plan.fund, plan.step_seconds)
