"""Coins in books: read from files, in the synthetic book, what is refused, and what the report says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from stress.book.export import export_book
from stress.book.exposure import distance_to_liquidation
from stress.book.load import load_book
from stress.book.rules import MarginRules
from stress.book.schema import Book
from stress.cli.compose import load
from stress.config.collateral import CoinCollateralConfig
from stress.errors import UserError
from stress.protocol.coins import Haircuts
from stress.protocol.margin.tiers import margin_table
from stress.report.assumptions import _each
from stress.report.collateral import collateral
from tests.fixtures_book import MARKETS, PRICES, book_config, generate, tables
from tests.test_report_liquidation import run_of

HAIRCUTS = Haircuts(np.array([0.95, 0.9, 0.0]), np.array([0.0, 1e-3, 0.0]))
POSITIONS = "account,market,size,entry_price,margin_mode,isolated_margin\n"
COINS = "protocol.collateral={weights: {BTC: 0.95, default: 0}}"
SHARE = "book.synthetic.coin_collateral={share: 0.5, asset: own}"


def synthetic(share: float, asset: str = "own", accounts: int = 300) -> Book:
    cfg = book_config({"coin_collateral": CoinCollateralConfig(share=share, asset=asset)}, accounts=accounts)
    return load_book(cfg, MARKETS, PRICES, MarginRules(*tables()), HAIRCUTS)


def files(folder: Path, positions: str, collateral: str) -> dict[str, str]:
    for name, text in (("p", POSITIONS + positions), ("c", "account,asset,amount\n" + collateral)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return {"positions": str(folder / "p.csv"), "collateral": str(folder / "c.csv")}


def read(folder: Path, positions: str, collateral: str, haircuts: Haircuts | None = HAIRCUTS) -> Book:
    cfg = book_config(kind="file", **files(folder, positions, collateral))
    return load_book(cfg, MARKETS, PRICES, MarginRules(*tables()), haircuts)


# --- files -----------------------------------------------------------------------------------------------------------
def test_an_account_may_hold_several_assets(tmp_path: Path) -> None:
    book = read(tmp_path, "ann,BTC,1,100000,cross,\nbob,BTC,-1,100000,cross,\n",
                "ann,BTC,0.5\nann,USD,1000\nann,ETH,4\nbob,USD,50000\n")
    assert book.cash.tolist() == [1000.0, 50000.0]
    assert book.coins is not None and book.coins.tolist() == [[0.5, 4.0, 0.0], [0.0, 0.0, 0.0]]
    assert book.equity(PRICES)[0] == 1000 + 50000 + 16000
    assert book.margin_equity(PRICES)[0] == pytest.approx(1000 + 0.95 * 50000 + 0.9 * 16000)
    (note,) = [note for note in book.notes if "coins" in note]
    assert "66,000 USD" in note and "61,900 USD" in note and "76% of it" in note


@pytest.mark.parametrize(("row", "haircuts", "words"), [
    ("ann,BTC,1", None, ("line 2, column asset", "'BTC'", "USD", "protocol.collateral.weights")),
    ("ann,SOL,1", HAIRCUTS, ("'SOL'", "USD, BTC, ETH", "protocol.collateral.weights")),
    ("ann,DOGE,1", HAIRCUTS, ("'DOGE'", "USD, BTC, ETH", "Convert")),
    ("ann,BTC,-1", HAIRCUTS, ("column amount", "-1")),
    ("ann,BTC,1e9", HAIRCUTS, ("column amount", "units of a coin")),
    ("ann,BTC,0.1", HAIRCUTS, ("column amount", "under water", "haircuts of protocol.collateral")),
])
def test_what_is_refused(tmp_path: Path, row: str, haircuts: Haircuts | None, words: tuple[str, ...]) -> None:
    positions = "ann,BTC,1,120000,cross,\nbob,BTC,-1,100000,isolated,50000\n"
    with pytest.raises(UserError) as refused:
        read(tmp_path, positions, f"{row}\n", haircuts)
    assert all(word in str(refused.value) for word in words), refused.value


def test_export_and_back(tmp_path: Path) -> None:
    book = synthetic(0.4)
    export_book(book, tmp_path)
    cfg = book_config(kind="file", positions=str(tmp_path / "positions.csv"),
                      collateral=str(tmp_path / "collateral.csv"))
    again = load_book(cfg, MARKETS, PRICES, MarginRules(*tables()), HAIRCUTS)
    for name in ("size", "entry", "cash", "coins", "counted"):
        np.testing.assert_array_equal(getattr(again, name), getattr(book, name), err_msg=name)


# --- the synthetic book ----------------------------------------------------------------------------------------------
def test_leverage_stays_what_it_was() -> None:
    """A share of every cross wallet is in the coin of its largest position, and counts for as much."""
    usd, book = generate(300), synthetic(0.4)
    assert book.coins is not None and usd.coins is None
    np.testing.assert_allclose(book.margin_equity(PRICES), usd.margin_equity(PRICES), rtol=0, atol=0.01)
    paid = book.coins.any(1)
    main = np.argmax(np.abs(book.size) * PRICES, axis=1)
    np.testing.assert_array_equal(paid, ~book.isolated & ~book.residual & (main != 2), "SOL counts for nothing")
    np.testing.assert_allclose(book.cash[paid], 0.6 * usd.cash[paid], rtol=0, atol=0.01)
    np.testing.assert_array_equal(book.cash[~paid], usd.cash[~paid])
    np.testing.assert_array_equal(np.argmax(book.coins[paid], axis=1), main[paid])


def test_all_may_hold_one_coin() -> None:
    book = synthetic(1.0, "BTC")
    assert book.coins is not None
    np.testing.assert_array_equal(book.coins[:, 0] > 0, ~book.isolated & ~book.residual)
    assert not book.coins[:, 1:].any() and synthetic(0.0).coins is None


def test_distances_know_of_coins() -> None:
    """A long of one BTC with 0.5 BTC at 95 % and none of its price in cash: M = 0.475 P + P - 100,000 = 0.01 P at
    100,000 / 1.465; a short that is outweighed has none."""
    flat = margin_table([np.array([np.inf])] * 3, [np.array([0.01])] * 3)
    book = generate(2)
    book = dataclasses.replace(
        book, owners=("a", "b"), owner=np.arange(2), isolated=np.zeros(2, bool), residual=np.zeros(2, bool),
        size=np.array([[1.0, 0, 0], [-1.0, 0, 0]]), entry=np.array([[1e5, 0, 0], [1e5, 0, 0]]), cash=np.zeros(2),
        coins=np.array([[0.5, 0, 0], [2.0, 0, 0]]), counted=np.array([[0.475, 0, 0], [1.9, 0, 0]]))
    distance = distance_to_liquidation(book, PRICES, flat)
    assert distance[0, 0] == pytest.approx(1 / 1.465 - 1)
    assert np.isnan(distance[1]).all()


# --- configuration and report ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("overrides", "words"), [
    ([SHARE], ("coin_collateral.share", "0.5", "protocol.collateral")),
    ([COINS, SHARE.replace("own", "DOGE")], ("coin_collateral.asset", "'DOGE'", "own, or one of price.markets")),
    ([COINS, SHARE.replace("own", "ETH")], ("protocol.collateral.weights.ETH", "above 0")),
    ([COINS, "protocol=dydx_v4"], ("protocol.liquidation.settlement", "account")),
    (["protocol.collateral={weights: 1.2}"], ("protocol.collateral.weights", "1.2")),
])
def test_what_the_configuration_refuses(overrides: list[str], words: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as refused:
        load(overrides)
    assert all(word in str(refused.value) for word in words), refused.value


def test_the_report_says_what_coins_count_for() -> None:
    run = run_of(["protocol.collateral={weights: {BTC: 0.95, default: 0.9}, size_factor: 1e-3}"])
    run.markets = ["BTC", "ETH"]
    text = collateral(run, _each).replace("\xa0", " ")
    assert "BTC 95 %, ETH 90 %" in text and "0.001" in text and "sold after the positions" in text
    assert collateral(run_of([]), _each) == ""
