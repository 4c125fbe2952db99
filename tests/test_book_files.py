"""Books from files: what is refused and how, what is kept, and that export and load are inverse."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as parquet
import pytest
from fixtures_book import MARKETS, PRICES, ROOT, book_config, generate, load, tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stress.book.export import export_book
from stress.book.load import load_book
from stress.book.rules import MarginRules
from stress.book.schema import Book
from stress.errors import UserError

HEADER = "account,market,size,entry_price,margin_mode,isolated_margin"
ROWS = ["ann,BTC,1.5,99000,cross,", "ann,SOL,-300,210,isolated,9000", "bob,BTC,-1,101000,cross,",
        "cyd,ETH,2.5,4100,isolated,2000"]
WALLET_HEADER = "account,asset,amount"
WALLETS = ["ann,USD,50000", "bob,USD,20000.25", "dee,USD,7"]


def write(folder: Path, rows=None, wallets=None, header=HEADER, wallet_header=WALLET_HEADER) -> tuple[Path, Path]:
    """The two files; ``rows`` and ``wallets`` map a line number to what stands there instead of the good row."""
    files = []
    for name, top, good, changed in (("p.csv", header, ROWS, rows), ("c.csv", wallet_header, WALLETS, wallets)):
        lines = [top, *good]
        for line, text in (changed or {}).items():
            lines[line - 1:line] = [text]
        files.append(folder / name)
        files[-1].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return files[0], files[1]


def refused(positions: Path, collateral: Path | None) -> str:
    with pytest.raises(UserError) as caught:
        load(positions, collateral)
    return str(caught.value)


def test_good_files_become_margin_accounts(tmp_path):
    book = load(*write(tmp_path))
    assert book.owners == ("ann", "bob", "dee", "cyd", "residual")
    assert book.owner.tolist() == [0, 0, 1, 2, 3, 4]
    assert book.isolated.tolist() == [False, True, False, False, True, False]
    assert book.residual.tolist() == [False] * 5 + [True]
    assert book.cash.tolist() == [50000.0, 9000.0, 20000.25, 7.0, 2000.0, 0.0]  # dee is flat and is kept
    assert book.size.tolist() == [[1.5, 0, 0], [0, 0, -300], [-1, 0, 0], [0, 0, 0], [0, 2.5, 0], [-0.5, -2.5, 300]]
    assert book.entry.tolist() == [[99000, 0, 0], [0, 0, 210], [101000, 0, 0], [0, 0, 0], [0, 4100, 0], PRICES.tolist()]


def test_residual_is_noted_by_market_with_size_and_usd(tmp_path):
    notes = " | ".join(load(*write(tmp_path)).notes)
    for part in ("BTC: longs are larger by 0.5 units (50,000 USD, 33.33% of open interest)", "'residual' is short",
                 "ETH: longs are larger by 2.5 units (10,000 USD, 100.00%",
                 "SOL: shorts are larger by 300 units (60,000 USD", "margin accounts without a position: 1."):
        assert part in notes


def test_balanced_files_have_no_residual(tmp_path):
    """Decimal sizes that balance in decimal do so although their float64 sum is not zero."""
    assert 0.1 + 0.2 - 0.3 != 0
    rows = ["a,BTC,0.1,99000,cross,", "b,BTC,0.2,99000,cross,", "c,BTC,-0.3,99000,cross,"]
    (tmp_path / "p.csv").write_text("\n".join([HEADER, *rows]))
    (tmp_path / "c.csv").write_text(f"{WALLET_HEADER}\na,USD,9000\nb,USD,9000\nc,USD,9000")
    book = load(tmp_path / "p.csv", tmp_path / "c.csv")
    assert not book.residual.any()
    assert book.owners == ("a", "b", "c")


BAD_POSITIONS = [
    ("ann,DOGE,1,1,cross,", "market", "'DOGE'", "price.markets=[BTC,ETH,SOL,DOGE]"),
    ("ann,btc,1,99000,cross,", "market", "'btc'", "Write BTC."),
    ("ann,,1,99000,cross,", "market", "None", "BTC, ETH, SOL"),
    ("ann,BTC,0,99000,cross,", "size", "'0'", "other than 0"),
    ("ann,BTC,nan,99000,cross,", "size", "'nan'", "other than 0"),
    ("ann,BTC,-inf,99000,cross,", "size", "'-inf'", "other than 0"),
    ("ann,BTC,1e999,99000,cross,", "size", "'1e999'", "other than 0"),
    ("ann,BTC,,99000,cross,", "size", "None", "other than 0"),
    ("ann,BTC,1_0,99000,cross,", "size", "'1_0'", "other than 0"),
    ("ann,BTC,one,99000,cross,", "size", "'one'", "other than 0"),
    ("ann,BTC,1e9,99000,cross,", "size", "'1e9'", "at most 1e+13 USD"),
    ("ann,BTC,1.5,0,cross,", "entry_price", "'0'", "> 0"),
    ("ann,BTC,1.5,-5,cross,", "entry_price", "'-5'", "> 0"),
    ("ann,BTC,1.5,,cross,", "entry_price", "None", "> 0"),
    ("ann,BTC,1.5,99000,Cross,", "margin_mode", "'Cross'", "cross or isolated"),
    ("ann,BTC,1.5,99000,,", "margin_mode", "None", "cross or isolated"),
    ("ann,BTC,1.5,99000,isolated,", "isolated_margin", "None", "> 0"),
    ("ann,BTC,1.5,99000,isolated,0", "isolated_margin", "'0'", "> 0"),
    ("ann,BTC,1.5,99000,isolated,-9", "isolated_margin", "'-9'", "> 0"),
    ("ann,BTC,1.5,99000,isolated,inf", "isolated_margin", "'inf'", "> 0"),
    ("ann,BTC,1.5,99000,isolated,lots", "isolated_margin", "'lots'", "> 0"),
    ("ann,BTC,1.5,99000,cross,10", "isolated_margin", "'10'", "an empty cell in a cross row"),
    ("ann,BTC,1.5,99000,cross,x", "isolated_margin", "'x'", "an empty cell in a cross row"),
    ("bob,BTC,1.5,99000,cross,", "market", "'BTC'", "account 'bob' has this one on line 2 already"),
    ("ann,SOL,1.5,200,cross,", "market", "'SOL'", "account 'ann' has this one on line 2 already"),
    (",BTC,1.5,99000,cross,", "account", "None", "a printable name"),
    (" ann,BTC,1.5,99000,cross,", "account", "' ann'", "without blanks"),
    ("residual,BTC,1.5,99000,cross,", "account", "'residual'", "book.residual_account"),
    ("eve,BTC,1.5,99000,cross,", "account", "'eve'", "a row in "),
    ("eve,BTC,1,100000,isolated,900", "isolated_margin", "'900'", "at least 1000.00: account 'eve' is under water"),
]


@pytest.mark.parametrize(("row", "column", "value", "words"), BAD_POSITIONS, ids=[row[0] for row in BAD_POSITIONS])
def test_bad_position_is_refused(tmp_path, row, column, value, words):
    positions, collateral = write(tmp_path, rows={2: row})
    line = 4 if row.startswith("bob") else 3 if row.startswith("ann,SOL") else 2
    message = refused(positions, collateral)
    assert message.startswith(f"{positions}, line {line}, column {column}: got {value}, allowed is ")
    assert words in message
    assert "\n" not in message, "one bad cell, one line"


BAD_WALLETS = [
    ("ann,USD,-1", "amount", "'-1'", ">= 0"),
    ("ann,USD,nan", "amount", "'nan'", ">= 0"),
    ("ann,USD,", "amount", "None", ">= 0"),
    ("ann,USD,1e15", "amount", "'1e15'", "<= 1e+13"),
    ("ann,USD,5k", "amount", "'5k'", ">= 0"),
    ("ann,ETH,5", "asset", "'ETH'", "one of the assets that count as margin: USD"),
    ("ann,USD,500", "amount", "'500'", "at least 1500.00: account 'ann' is under water"),
]


@pytest.mark.parametrize(("row", "column", "value", "words"), BAD_WALLETS, ids=[row[0] for row in BAD_WALLETS])
def test_bad_collateral_is_refused(tmp_path, row, column, value, words):
    """Ann holds 1.5 BTC from 99,000: gain 1,500, requirement 1 % of 150,000."""
    changed = {2: "ann,BTC,1.5,100000,cross,"} if row.endswith(",500") else {}
    positions, collateral = write(tmp_path, rows=changed, wallets={2: row})
    message = refused(positions, collateral)
    assert message.startswith(f"{collateral}, line 2, column {column}: got {value}, allowed is ")
    assert words in message


@pytest.mark.parametrize(("row", "where"), [("ann,USD,1", "line 4, column asset: got 'USD'"),
                                            ("residual,USD,1", "line 4, column account: got 'residual'")])
def test_collateral_row_that_clashes_is_refused(tmp_path, row, where):
    assert where in refused(*write(tmp_path, wallets={4: row}))


def test_amount_that_the_message_asks_for_is_enough(tmp_path):
    """Equity equal to the requirement is not under water; a cent less is."""
    rows = {2: "ann,BTC,1.5,100000,cross,"}
    load(*write(tmp_path, rows=rows, wallets={2: "ann,USD,1500"}))
    assert "got '1499.99'" in refused(*write(tmp_path, rows=rows, wallets={2: "ann,USD,1499.99"}))


BAD_HEADERS = [
    ("account,market,size,entry_price,margin_mode", "no column isolated_margin"),
    (HEADER + ",note", "unknown column 'note'"),
    (HEADER.replace("size", "Size"), "unknown column 'Size' (did you mean size?)"),
    (HEADER + ",size", "column size stands there 2 times"),
    (HEADER.replace(",", ";"), "Are the cells separated by commas?"),
]


@pytest.mark.parametrize(("header", "words"), BAD_HEADERS)
def test_bad_columns_are_refused(tmp_path, header, words):
    file = tmp_path / "p.csv"
    file.write_text(header + "\n" + ",".join(["1"] * len(header.split(","))) + "\n")
    message = refused(file, None)
    assert message.startswith(f"{file}: ")
    assert words in message
    assert "account, market, margin_mode, size, entry_price, isolated_margin" in message


BAD_FILES = [
    (b"", "the file is empty"),
    (b"\n\n", "the file is empty"),
    (HEADER.encode(), "no rows below the header"),
    (HEADER.encode() + b"\nann,BTC,1\n", "line 2: got 3 cells, allowed is 6"),
    (HEADER.encode() + b"\n\n\nann,BTC,1\n", "line 4: got 3 cells, allowed is 6"),
    (HEADER.encode() + b"\n\xff,BTC,1,1,cross,\n", "line 2: not UTF-8"),
    (HEADER.encode() + b'\na,BTC,1,1,cross,\n"a,BTC,1,1,cross,\n', "line 3: a quote is left open"),
    (HEADER.encode() + b'\n"a"b,BTC,1,1,"cross\n",5\n', "a quote"),
]


@pytest.mark.parametrize(("data", "words"), BAD_FILES)
def test_unreadable_csv_is_refused(tmp_path, data, words):
    file = tmp_path / "p.csv"
    file.write_bytes(data)
    message = refused(file, None)
    assert str(file) in message
    assert words in message


def test_missing_and_foreign_files_are_refused(tmp_path):
    (tmp_path / "p.xlsx").write_bytes(b"PK")
    (tmp_path / "p.parquet").write_bytes(b"no parquet")
    assert "book.positions: got" in refused(tmp_path / "none.csv", None)
    assert "allowed is a file that ends in .csv or .parquet" in refused(tmp_path / "p.xlsx", None)
    assert "not a readable Parquet file" in refused(tmp_path / "p.parquet", None)


def test_cross_position_without_any_collateral_file_is_refused(tmp_path):
    positions, _ = write(tmp_path)
    message = refused(positions, None)
    assert f"{positions}, line 2, column account: got 'ann'" in message
    assert "book.collateral" in message


def test_isolated_positions_need_no_collateral_file(tmp_path):
    file = tmp_path / "p.csv"
    file.write_text("\n".join([HEADER, ROWS[1], ROWS[3]]))
    assert load(file, None).cash.tolist() == [9000.0, 2000.0, 0.0]


def test_five_problems_at_most_by_file_and_line(tmp_path):
    rows = {2: "ann,BTC,0,-1,cross,", 3: "ann,XRP,1,1,none,", 4: "bob,BTC,x,101000,cross,",
            5: "cyd,ETH,2.5,4100,isolated,"}
    lines = refused(*write(tmp_path, rows=rows, wallets={2: "ann,EUR,-1"})).splitlines()
    places = [line.split("csv, ")[1].split(":")[0] for line in lines[:5]]
    assert places == ["line 2, column size", "line 2, column entry_price", "line 3, column market",
                      "line 3, column margin_mode", "line 4, column size"]
    assert lines[5:] == ["... and 3 more."]


def test_blank_lines_crlf_bom_and_blanks_around_numbers(tmp_path):
    positions, collateral = write(tmp_path)
    plain = load(positions, collateral)
    text = positions.read_text().replace(",1.5,", ", +1.5e0 ,").replace("\n", "\r\n\r\n")
    positions.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert_same(load(positions, collateral), plain)
    positions.write_bytes(positions.read_bytes().replace(b"101000", b"oops"))
    assert "line 7, column entry_price: got 'oops'" in refused(positions, collateral)


def test_column_order_is_free(tmp_path):
    positions, collateral = write(tmp_path)
    plain = load(positions, collateral)
    table = pa_csv.read_csv(positions)
    pa_csv.write_csv(table.select(table.column_names[::-1]), positions)
    assert_same(load(positions, collateral), plain)


def test_parquet_reads_like_csv(tmp_path):
    files = write(tmp_path)
    other = [file.with_suffix(".parquet") for file in files]
    for source, target in zip(files, other, strict=True):
        options = pa_csv.ConvertOptions(strings_can_be_null=True)
        parquet.write_table(pa_csv.read_csv(source, convert_options=options), target)
    assert_same(load(*other), load(*files))
    assert load(files[0], other[1]).cash.tolist() == load(*files).cash.tolist()


BAD_PARQUET = [
    ("size", pa.array([1.5, math.nan]), "row 2, column size: got nan"),
    ("size", pa.array([1.5, None]), "row 2, column size: got None"),
    ("size", pa.array([True, False]), "column size: stored as bool, allowed is a number"),
    ("size", pa.array([1, 2**53 + 1]), "column size: "),
    ("account", pa.array([1.0, 2.0]), "column account: stored as double, allowed is text"),
    ("margin_mode", pa.array([["isolated"], []]), "column margin_mode: stored as list"),
    ("account", pa.array(["a\nb", "c"]), "row 1, column account: got 'a\\nb'"),
    ("isolated_margin", pa.array([-1.0, 5000.0]), "row 1, column isolated_margin: got -1.0"),
]


@pytest.mark.parametrize(("column", "cells", "words"), BAD_PARQUET, ids=[case[2] for case in BAD_PARQUET])
def test_bad_parquet_is_refused(tmp_path, column, cells, words):
    columns = {"account": pa.array(["a", "b"]), "market": pa.array(["BTC", "BTC"]).dictionary_encode(),
               "size": pa.array([1, -1]), "entry_price": pa.array([1e5, 1e5], pa.float32()),
               "margin_mode": pa.array(["isolated", "isolated"], pa.large_string()),
               "isolated_margin": pa.array([5e3, 5e3])}
    file = tmp_path / "p.parquet"
    parquet.write_table(pa.table(columns), file)
    assert load(file, None).cash.tolist() == [5000.0, 5000.0], "the table is good but for the one column"
    parquet.write_table(pa.table({**columns, column: cells}), file)
    message = refused(file, None)
    assert str(file) in message
    assert words in message


def test_residual_name_must_be_free():
    with pytest.raises(UserError, match=r"book\.residual_account: got 'trader-1'"):
        load_book(book_config(accounts=2, residual_account="trader-1"), MARKETS, PRICES, MarginRules(*tables()))


def test_example_book_loads():
    folder = ROOT / "examples/book"
    book = load(folder / "positions.csv", folder / "collateral.csv")
    assert book.accounts == 42
    assert book.isolated.sum() == 14
    np.testing.assert_allclose(book.open_interest(PRICES), [120.1122e6, 60.016e6, 25e6], rtol=1e-12)


def test_file_config_differs_from_synthetic_in_kind_only():
    text = (ROOT / "configs/book/file.yaml").read_text()
    keys = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert keys == ["defaults:", "kind: file"]


def assert_same(book: Book, other: Book) -> None:
    """Bitwise the same accounts."""
    assert (book.markets, book.owners) == (other.markets, other.owners)
    for name in ("owner", "isolated", "residual", "size", "entry", "cash"):
        np.testing.assert_array_equal(getattr(book, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("accounts", [1, 2, 7, 300])
def test_synthetic_book_survives_export_and_load(tmp_path, accounts):
    book = generate(accounts)
    paths = export_book(book, tmp_path / "deep" / "folder")
    assert [path.name for path in paths] == ["positions.csv", "collateral.csv"]
    assert len(list(paths[0].parent.iterdir())) == 2, "no temporary files"
    assert_same(load(*paths), book)
    assert "residual" not in paths[0].read_text()


names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6).filter(
    lambda name: name != "residual" and name.isprintable())
number = st.floats(min_value=1e-9, max_value=1e3, allow_nan=False)
position = st.tuples(number, st.booleans(), number, st.booleans())
legs = st.lists(position | st.none(), min_size=3, max_size=3)
crowds = st.dictionaries(names, st.tuples(legs, number), min_size=1, max_size=5).filter(
    lambda people: any(any(held) for held, _ in people.values()))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(crowds)
def test_any_book_survives_export_and_load(tmp_path, people):
    """Names with commas, quotes and formulas and numbers with all their digits come back as they were."""
    rows, cash = [], []
    for name, (held, money) in people.items():
        for a, leg in enumerate(held):
            if leg is not None:
                size, short, entry, isolated = leg
                mode = ("isolated", 1e9 + money) if isolated else ("cross", None)
                rows.append((name, MARKETS[a], -size if short else size, entry, *mode))
        cash.append((name, "USD", 1e9 + money))
    for file, columns, values in (("p", HEADER, rows), ("c", WALLET_HEADER, cash)):
        table = pa.table(dict(zip(columns.split(","), map(pa.array, zip(*values, strict=True)), strict=True)))
        parquet.write_table(table, tmp_path / f"{file}.parquet")
    book = load(tmp_path / "p.parquet", tmp_path / "c.parquet")
    assert set(book.owners) - {"residual"} == set(people)
    assert abs(book.size.sum(0)).max() <= 1e-12 * abs(book.size).sum()
    assert int((book.size[~book.residual] != 0).sum()) == len(rows)
    assert_same(load(*export_book(book, tmp_path)), book)
