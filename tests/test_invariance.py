"""What must not change a number: devices, chunks, a kill, the size of a block, how many paths follow, other settings.

All runs share one configuration with every rule on and a market wild enough to use them; most share one program.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

import stress
from stress import session
from stress.build.study import Study, build_study
from stress.cli.compose import load
from stress.errors import UserError
from stress.files import read_json
from stress.mc import driver
from stress.mc.program import compile_program, pick_workers
from stress.mc.store import finished_chunks

CHECKOUT = Path(__file__).resolve().parent.parent
PATHS, BLOCK = 700, 128
OVERRIDES = [
    "price=merton",
    "price.markets=[BTC,ETH]",
    "price.initial_prices=[100000,4000]",
    "price.volatility=[3,4]",
    "price.correlation=0.7",
    "price.jump={intensity:2000,mean:-0.02,std:0.03,common_intensity:4000,common_mean:-0.04,common_std:0.03}",
    "price.jump_duration_seconds=180",
    "book.accounts=80",
    "protocol.insurance_fund=3e6",
    "protocol.funding.interval_hours=0.5",
    "liquidity.depth_usd=2e7",
    f"run.paths={PATHS}",
    f"run.block_paths={BLOCK}",
    "run.horizon_hours=2",
    "run.step_seconds=60",
    "run.seed=24",
    "run.devices=1",
    "run.chunk_seconds=1e9",
    "run.progress=false",
    "report.enabled=false",
]
TIMED = ("timings",)
"""What of a summary is a clock."""


def made(**run: Any) -> Study:
    """The study with changes of the run section."""
    cfg = load(OVERRIDES)[0]
    return build_study(dataclasses.replace(cfg, run=dataclasses.replace(cfg.run, **run)))


def execute(folder: Path, **run: Any) -> dict[str, Any]:
    """Run into a folder; asserts conservation."""
    summary = session.execute(made(**run), folder, progress=False)
    assert (
        0 < summary["conservation"]["cash_residual"] < 1e-12 and summary["conservation"]["contracts_residual"] < 1e-12
    )
    return summary


def columns(folder: Path) -> dict[str, np.ndarray]:
    table = parquet.read_table(folder / "paths.parquet")
    return {name: table.column(name).to_numpy() for name in table.column_names}


def assert_same(ours: dict[str, np.ndarray], expected: dict[str, np.ndarray], rows: int | None = None) -> None:
    """Equal bit by bit, in the first ``rows``."""
    assert list(ours) == list(expected)
    for name, values in expected.items():
        mine, theirs = (found if rows is None else found[:rows] for found in (ours[name], values))
        assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape), name
        if mine.tobytes() != theirs.tobytes():
            np.testing.assert_array_equal(mine, theirs, err_msg=name)
            raise AssertionError(f"{name}: zeros or nulls of different bits")


def assert_same_run(ours: Path, expected: Path) -> None:
    """Bitwise equal columns, price paths, story and summary."""
    assert_same(columns(ours), columns(expected))
    for file in ("prices", "story"):
        with np.load(ours / "data" / f"{file}.npz") as mine, np.load(expected / "data" / f"{file}.npz") as theirs:
            assert_same(dict(mine), dict(theirs))
    one, two = (read_json(folder / "summary.json") for folder in (ours, expected))
    assert {k: v for k, v in one.items() if k not in TIMED} == {k: v for k, v in two.items() if k not in TIMED}
    assert read_json(ours / "manifest.json")["complete"] and not (ours / "chunks").exists()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run all others are compared with: one device, one chunk, undisturbed."""
    folder = tmp_path_factory.mktemp("expected")
    summary = execute(folder)
    assert read_json(folder / "manifest.json")["chunks"] == [[0, 5]]
    metrics = summary["metrics"]
    for name in ("depletion_probability", "cascade_probability", "adl_probability", "bad_debt"):
        assert metrics[name]["estimate"] > 0, f"a lively market: {name}"
    assert metrics["depletion_probability"]["estimate"] < 0.9 and summary["status"]["ok"] > 0.9 * PATHS
    return folder


def test_paths_that_do_not_fill_a_block_are_cut(expected: Path) -> None:
    found = columns(expected)
    assert PATHS % BLOCK and {len(values) for values in found.values()} == {PATHS}
    np.testing.assert_array_equal(found["path"], np.arange(PATHS))


def test_devices(expected: Path, tmp_path: Path) -> None:
    execute(tmp_path, devices=2, chunk_seconds=0.0)
    assert_same_run(tmp_path, expected)
    assert len(read_json(tmp_path / "manifest.json")["chunks"]) > 1
    assert len(read_json(tmp_path / "manifest.json")["devices"]) == 2


def test_chunks(expected: Path, tmp_path: Path) -> None:
    execute(tmp_path, chunk_seconds=0.0)
    assert read_json(tmp_path / "manifest.json")["chunks"] == [[b, b] for b in range(6)]
    assert_same_run(tmp_path, expected)


def test_interrupted_and_resumed(expected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at the third chunk; the rest on another number of devices and in other chunks."""
    write, written = driver.write_chunk, []

    def interrupted(*arguments: Any) -> Any:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(write(*arguments))
        return written[-1]

    with monkeypatch.context() as patch:
        patch.setattr(driver, "write_chunk", interrupted)
        with pytest.raises(KeyboardInterrupt):
            execute(tmp_path, chunk_seconds=0.0)
    assert [chunk.last for chunk in finished_chunks(tmp_path)] == [0, 1]
    assert not read_json(tmp_path / "manifest.json")["complete"] and not (tmp_path / "paths.parquet").exists()
    execute(tmp_path, devices=2)
    assert_same_run(tmp_path, expected)
    assert read_json(tmp_path / "manifest.json")["chunks"] == [[0, 0], [1, 1], [2, 5]]


def test_a_lost_chunk_is_simulated_again(expected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hole in the middle, a torn temporary file and an old table beside it: the chunks alone are the record."""
    with monkeypatch.context() as patch:
        patch.setattr(session, "drop_chunks", lambda folder: None)
        execute(tmp_path, chunk_seconds=0.0)
    (tmp_path / "chunks" / "00000003-00000003.npz").unlink()
    (tmp_path / "chunks" / ".00000003-00000003.npz.0123.tmp").write_bytes(b"torn")
    execute(tmp_path)
    assert_same_run(tmp_path, expected)


def test_a_folder_of_other_work_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(session, "drop_chunks", lambda folder: None)
        execute(tmp_path, paths=100)
    with pytest.raises(UserError, match="another configuration"):
        execute(tmp_path, paths=100, seed=25)


def test_killed_and_resumed(expected: Path, tmp_path: Path) -> None:
    """SIGKILL of the real command between two chunks; another process finishes it. All runs here share first paths."""
    folder, paths = tmp_path / "run", 4000
    changed = [f"run.paths={paths}", "run.chunk_seconds=0", f"hydra.run.dir={folder}"]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "stress", *OVERRIDES, *changed],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        limit = time.monotonic() + 300
        while len(finished_chunks(folder)) < 2 and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    stored = finished_chunks(folder)
    assert 2 <= len(stored) < 6 and not (folder / "paths.parquet").exists(), "killed in the middle of what is compared"
    stress.run([f"run.resume={folder}"])
    found = columns(folder)
    np.testing.assert_array_equal(found["path"], np.arange(paths))
    assert_same(found, columns(expected), PATHS)
    assert read_json(folder / "manifest.json")["complete"] and max(found["cash_residual"]) < 1e-12 * 1e9


def test_more_paths_begin_with_the_same(expected: Path, tmp_path: Path) -> None:
    execute(tmp_path, paths=300)
    fewer = columns(tmp_path)
    assert len(fewer["path"]) == 300
    assert_same(fewer, columns(expected), 300)


def test_another_size_of_block_has_the_same_noise(tmp_path: Path) -> None:
    """Rounding only: no path may change its fate.

    With normals in double, for a compiler may fuse other products and sums into one rounding in vectors of another
    length (JAX 0.12 does), and in singles that is 1e-7 of a price.
    """
    sizes = (384, BLOCK)
    for size in sizes:
        execute(tmp_path / str(size), block_paths=size, precision="float64")
    ours, theirs = (columns(tmp_path / str(size)) for size in sizes)
    for name, values in theirs.items():
        if name.endswith("residual"):
            continue
        if values.dtype.kind == "f":
            scale = max(float(np.nanmax(np.abs(values))), 1e-300)
            np.testing.assert_allclose(ours[name], values, rtol=1e-9, atol=1e-9 * scale, err_msg=name)
        else:
            np.testing.assert_array_equal(ours[name], values, err_msg=name)
    one, two = (session.simulate_prices(made(block_paths=size, precision="float64")) for size in sizes)
    np.testing.assert_allclose(one, two, rtol=1e-13, atol=0)


def test_seeds_differ_and_repeat(expected: Path, tmp_path: Path) -> None:
    execute(tmp_path / "other", seed=25)
    ours, theirs = columns(tmp_path / "other"), columns(expected)
    assert (ours["liquidated_notional"] != theirs["liquidated_notional"]).mean() > 0.9
    execute(tmp_path / "again")
    assert_same(columns(tmp_path / "again"), theirs)


def test_settings_share_their_noise() -> None:
    """Common random numbers: the fundamental price does not know the venue, its book or its companions."""
    cfg = load(OVERRIDES)[0]
    prices = session.simulate_prices(build_study(cfg))
    venue = load(
        [
            *OVERRIDES,
            "protocol.insurance_fund=1",
            "protocol.liquidation.rule=close_factor",
            "protocol.adl.policy=profit_leverage",
            "liquidity=none",
            "book.accounts=20",
            "run.twin=false",
            "run.fund_curve=false",
            "protocol.maintenance_margin=0.02",
        ]
    )[0]
    np.testing.assert_array_equal(session.simulate_prices(build_study(venue)), prices)
    assert prices.shape == (PATHS, 121, 2) and len(np.unique(prices[:, -1, 0])) == PATHS


def test_the_engine_sees_the_prices_of_simulate_prices() -> None:
    """And two settings in one program see the same fundamentals, bit by bit, while their marks part."""
    plans = [
        build_study(load([*OVERRIDES, *more])[0]).plan
        for more in ([], ["protocol.liquidation.fee=0.02", "liquidity.depth_usd=1e7"])
    ]
    workers = pick_workers(1, 1)
    traces = [compile_program(plan.job, workers).run(plan.job, 1, 5).trace for plan in plans]
    np.testing.assert_array_equal(traces[0]["fundamental"], traces[1]["fundamental"])
    assert (np.asarray(traces[0]["mark"]) != np.asarray(traces[1]["mark"])).any()
    path = session.simulate_prices(made())[BLOCK + 5, 1:]
    np.testing.assert_allclose(traces[0]["fundamental"], path, rtol=1e-13, atol=0)
