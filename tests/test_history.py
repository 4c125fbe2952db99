"""Reading price histories: what is used, what is refused, and that it is counted."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from stress.config.schema import DataConfig
from stress.errors import UserError
from stress.price.calibrate.history import load_history

HOUR = 3600
START = 1_577_836_800  # 2020-01-01T00:00Z


def data(path: Path | str | None, **changes: object) -> DataConfig:
    plain = DataConfig(path=None if path is None else str(path), markets=None, column="auto", start=None, end=None,
                       gaps="drop", source=None)
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def walk(size: int, seed: int) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, size)))


def stamps(hours: np.ndarray) -> list[str]:
    return [str(np.datetime64(int(START + h * HOUR), "s")) + "Z" for h in hours]


def write_csv(file: Path, columns: dict[str, object]) -> Path:
    rows = zip(*columns.values(), strict=True)  # type: ignore[arg-type]
    file.write_text("\n".join([",".join(columns), *(",".join(str(x) for x in row) for row in rows)]) + "\n")
    return file


def ohlcv(file: Path, hours: np.ndarray, **columns: np.ndarray) -> Path:
    times = pa.array(START * 10**6 + (hours * HOUR * 10**6).astype(np.int64), pa.timestamp("us", tz="UTC"))
    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    parquet.write_table(pa.table({"timestamp": times, **arrays}), file)
    return file


def test_one_file_with_a_column_a_market(tmp_path: Path) -> None:
    hours, btc, eth = np.arange(50), walk(50, 1), walk(50, 2)
    file = write_csv(tmp_path / "p.csv", {"timestamp": stamps(hours), "BTC": btc, "eth": eth})
    history = load_history(data(file), ["BTC", "ETH"])
    exact = np.diff(np.log(np.stack([btc, eth], axis=1)), axis=0)
    np.testing.assert_allclose(history.returns, exact, rtol=0, atol=1e-14)
    assert history.bar_seconds == HOUR and history.start == START
    assert history.hashes == {"p.csv": hashlib.sha256(file.read_bytes()).hexdigest()}


def test_a_folder_of_ohlcv_files_prefers_the_mark(tmp_path: Path) -> None:
    hours, mark = np.arange(60), walk(60, 3)
    ohlcv(tmp_path / "binance_BTC.parquet", hours, close=mark * 1.5, mark_close=mark, spot_close=mark * 2)
    ohlcv(tmp_path / "ETHUSDT-1h.parquet", hours, close=mark * 3, spot_close=mark * 4)
    ohlcv(tmp_path / "METH.parquet", hours, close=mark)
    history = load_history(data(tmp_path), ["BTC", "ETH"])
    np.testing.assert_allclose(history.prices, np.stack([mark, 4 * mark], axis=1), rtol=1e-15)
    assert {m: s.column for m, s in history.sources.items()} == {"BTC": "mark_close", "ETH": "spot_close"}
    named = load_history(data(tmp_path, column="close"), ["BTC"])
    np.testing.assert_allclose(named.prices[:, 0], 1.5 * mark, rtol=1e-15)


def test_nothing_is_filled_across_a_gap(tmp_path: Path) -> None:
    prices = walk(100, 4)
    kept = np.delete(np.arange(100), [10, 11, 40])
    holed = prices[kept].copy()
    holed[kept == 70] = np.nan
    ohlcv(tmp_path / "BTC.parquet", kept, mark_close=holed)
    history = load_history(data(tmp_path), ["BTC"])
    exact = np.diff(np.log(prices))
    for bar in (10, 11, 40, 70):
        exact[[bar - 1, bar]] = np.nan
    np.testing.assert_allclose(history.returns[:, 0], exact, rtol=0, atol=1e-14)
    row = history.describe()["markets"]["BTC"]
    assert row["rows_read"] == 97 and row["rows_used"] == 96 and row["rows_refused"] == {"no price": 1}
    assert row["returns_used"] == np.isfinite(exact).sum() == 99 - row["returns_lost_in_gaps"]


def test_every_refused_row_is_counted_by_reason(tmp_path: Path) -> None:
    prices = walk(200, 5)
    hours = np.concatenate([np.arange(200), [20, 30, 31.5]])
    values = np.concatenate([prices, [prices[20], 2 * prices[30], 100.0]])
    values[[50, 51, 52]] = [0.0, -1.0, np.inf]
    order = np.arange(203)
    order[[5, 6]] = [6, 5]
    ohlcv(tmp_path / "BTC.parquet", hours[order], close=values[order])
    history = load_history(data(tmp_path), ["BTC"])
    refused = history.describe()["markets"]["BTC"]["rows_refused"]
    assert refused == {"price not positive": 3, "time given twice with different prices": 2, "row given twice": 1,
                       "off the grid of bars": 1}
    assert history.describe()["markets"]["BTC"]["rows_reordered"] == 2
    gone = np.flatnonzero(np.isnan(history.prices[:, 0]))
    np.testing.assert_array_equal(gone, [30, 50, 51, 52])


@pytest.mark.parametrize(("hours", "prices", "said"), [
    ([0, 1, 2, 4, 5], [1, 2, 1, 2, 1], "1 bars are missing, the first at 2020-01-01T03:00:00Z"),
    ([0, 2, 1, 3, 4], [1, 2, 1, 2, 1], "out of order"),
    ([0, 1, 2, 3, 4], [1, 2, 0, 2, 1], "price not positive: 1"),
    ([0, 1, 2, 2, 3], [1, 2, 1, 1, 1], "row given twice: 1"),
])
def test_gaps_refuse_stops_at_each_defect(tmp_path: Path, hours: list, prices: list, said: str) -> None:
    ohlcv(tmp_path / "BTC.parquet", np.array(hours), close=np.array(prices, dtype=float))
    with pytest.raises(UserError, match=said) as caught:
        load_history(data(tmp_path, gaps="refuse"), ["BTC"])
    assert "BTC.parquet" in str(caught.value)
    load_history(data(tmp_path), ["BTC"])


def test_markets_of_different_spans_share_one_grid(tmp_path: Path) -> None:
    ohlcv(tmp_path / "BTC.parquet", np.arange(100), close=walk(100, 6))
    ohlcv(tmp_path / "SOL.parquet", np.arange(40, 100), close=walk(60, 7))
    history = load_history(data(tmp_path), ["BTC", "SOL"])
    assert np.isfinite(history.returns).sum(0).tolist() == [99, 59]
    described = history.describe()
    assert described["returns_of_all_markets"] == 59
    assert described["markets"]["SOL"]["start"] == "2020-01-02T16:00:00Z"


def test_dates_cut_the_sample(tmp_path: Path) -> None:
    ohlcv(tmp_path / "BTC.parquet", np.arange(96), close=walk(96, 8))
    history = load_history(data(tmp_path, start="2020-01-02", end="2020-01-03"), ["BTC"])
    assert history.start == START + 24 * HOUR and len(history.prices) == 24
    assert history.describe()["markets"]["BTC"]["rows_refused"] == {"outside data.start, data.end": 72}


@pytest.mark.parametrize("times", [
    [START * 1000 + k * 8 * HOUR * 1000 for k in range(9)], [START + k * 8 * HOUR for k in range(9)],
    [str(np.datetime64(START + k * 8 * HOUR, "s")) for k in range(9)],
    [str(np.datetime64(START + (k * 8 + 2) * HOUR, "s")) + "+02:00" for k in range(9)],
], ids=["milliseconds", "seconds", "no zone", "an offset"])
def test_forms_of_time(tmp_path: Path, times: list) -> None:
    file = write_csv(tmp_path / "p.csv", {"timestamp": times, "BTC": walk(9, 9)})
    history = load_history(data(file), ["BTC"])
    assert (history.start, history.bar_seconds, len(history.prices)) == (START, 8 * HOUR, 9)


def test_messages_name_what_is_there(tmp_path: Path) -> None:
    hours = np.arange(30)
    ohlcv(tmp_path / "x_BTC.parquet", hours, mark_close=walk(30, 1))
    cases = [
        (data(None), ["BTC"], "data.path: got null"),
        (data(tmp_path / "no"), ["BTC"], "data.path"),
        (data(tmp_path), ["DOGE"], "no file in .* for market DOGE .*x_BTC.parquet"),
        (data(tmp_path, column="vwap"), ["BTC"], "no column vwap .has timestamp, mark_close"),
        (data(tmp_path / "x_BTC.parquet"), ["BTC", "ETH"], "no column BTC, ETH"),
        (data(tmp_path, start="2030-01-01"), ["BTC"], "0 usable rows for BTC of 30"),
    ]
    for config, markets, said in cases:
        with pytest.raises(UserError, match=said):
            load_history(config, markets)
    ohlcv(tmp_path / "y_BTC.parquet", hours, mark_close=walk(30, 1))
    with pytest.raises(UserError, match=r"several files .*x_BTC.parquet, y_BTC.parquet"):
        load_history(data(tmp_path), ["BTC"])


def test_unreadable_content_is_a_clean_error(tmp_path: Path) -> None:
    for name, text, said in [("a.csv", "timestamp,BTC\nyesterday,1\n", "not a UTC time"),
                             ("b.csv", "timestamp,BTC\n2020-01-01T00:00:00Z,much\n", "not all numbers"),
                             ("c.csv", "time,BTC\n1,2\n", "no column timestamp"),
                             ("d.parquet", "nonsense", "not a readable")]:
        file = tmp_path / name
        file.write_text(text)
        with pytest.raises(UserError, match=said):
            load_history(data(file), ["BTC"])


def test_bars_of_different_length_do_not_mix(tmp_path: Path) -> None:
    ohlcv(tmp_path / "BTC.parquet", np.arange(48), close=walk(48, 1))
    ohlcv(tmp_path / "ETH.parquet", 8 * np.arange(6), close=walk(6, 2))
    with pytest.raises(UserError, match=r"differ in length .BTC 3600 s, ETH 28800 s"):
        load_history(data(tmp_path), ["BTC", "ETH"])


def test_uneven_times_are_refused(tmp_path: Path) -> None:
    hours = np.cumsum(np.random.default_rng(1).uniform(0.5, 1.5, 60))
    ohlcv(tmp_path / "BTC.parquet", hours, close=walk(60, 1))
    with pytest.raises(UserError, match="not a whole number of bars"):
        load_history(data(tmp_path), ["BTC"])
