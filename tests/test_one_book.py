"""One synthetic book for several venues."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from stress.book.exposure import book_table
from stress.book.inverse import mirrored
from stress.book.margin import requirement
from stress.book.schema import Book
from stress.build.margin import build_rules
from stress.build.study import build_study
from stress.cli.compose import as_typed, config_folder, load, prepared
from stress.cli.main import main
from stress.cli.venues import one_book
from stress.config.margin import VENUES
from stress.decisions.compare.outcomes import digest
from stress.files import read_json

SMALL = ("price=gbm", "book.accounts=200", "run.paths=16", "run.step_seconds=60", "run.horizon_hours=0.1")
LINEAR = ("dydx_v4", "hyperliquid", "binance_usdm", "generic", "drift_v2")
ALL = (*LINEAR, "bitmex", "deribit")
HEADROOM = 1.1


def book(venue: str, *words: str) -> Book:
    return build_study(load([*SMALL, f"protocol={venue}", *words])[0]).book


def given(venues: tuple[str, ...]) -> str:
    return f"{VENUES}=[{','.join(venues)}]"


def lets_in(held: Book, venue: str, *words: str) -> np.ndarray:
    """Whether a venue lets accounts [N] open with leverage to spare; whoever has no position may be there."""
    config, _ = load([*SMALL, f"protocol={venue}", *words])
    prices = build_study(config).prices0
    rules = build_rules(config.protocol, config.book, list(held.markets))
    valued = mirrored(held, prices) if rules.inverse else held
    need = np.maximum(*(requirement(c, held.size, prices).sum(1) for c in (rules.initial, rules.maintenance)))
    weighed = replace(valued, gain_weight=rules.gain_weight).margin_equity(prices)
    return (weighed >= HEADROOM * need * (1.0 - 1e-12)) | held.residual


@pytest.mark.parametrize("venues", [LINEAR, ALL], ids=["linear", "with inverse contracts"])
def test_every_venue_has_the_same_accounts_and_lets_them_in(venues: tuple[str, ...]) -> None:
    books = {venue: book(venue, given(venues)) for venue in venues}
    assert len({held.digest() for held in books.values()}) == 1
    for venue in venues:
        assert lets_in(books[venue], venue).all(), venue


def test_a_comparison_takes_them_for_the_same(tmp_path: Path) -> None:
    """Also with inverse contracts, in which positions gained something else by time zero."""
    names = []
    for venue in ("bitmex", "okx"):
        study = build_study(load([*SMALL, f"protocol={venue}", given(("bitmex", "okx"))])[0])
        table = book_table(study.book, study.prices0, study.margin, inverse=venue == "bitmex")
        parquet.write_table(table, tmp_path / f"{venue}.parquet")
        names.append((digest(tmp_path / f"{venue}.parquet"), table["equity_usd"].to_pylist()))
    assert names[0][0] == names[1][0]
    assert names[0][1] != names[1][1]


def test_each_venue_has_its_own_book_without() -> None:
    books = {venue: book(venue) for venue in LINEAR}
    assert len({held.digest() for held in books.values()}) == len(LINEAR)
    assert not lets_in(books["hyperliquid"], "drift_v2").all()
    for venue in LINEAR:
        assert lets_in(books[venue], venue).all(), venue


def test_a_rule_that_is_changed_is_changed_for_all() -> None:
    """A flat margin of 20 % for every venue: nobody has more than a fifth of the notional as leverage."""
    words = ("protocol.initial_margin=0.2", given(("generic", "okx")))
    books = [book(venue, *words) for venue in ("generic", "okx")]
    assert books[0].digest() == books[1].digest()
    config, container = load([*SMALL, *words])
    assert config.book.synthetic.venues is not None
    assert [venue.initial_margin for venue in config.book.synthetic.venues.values()] == [0.2, 0.2]
    assert set(container["book"]["synthetic"]["venues"]["okx"]) < set(container["protocol"]), "what books need"
    assert lets_in(books[0], "generic", "protocol.initial_margin=0.2").all()
    assert not lets_in(book("generic", given(("generic", "okx"))), "generic", "protocol.initial_margin=0.2").all()


def test_the_strictest_of_one_venue_is_that_venue() -> None:
    assert book("okx", given(("okx",))).digest() == book("okx").digest() == book("okx", f"{VENUES}=okx").digest()


def test_a_cap_of_any_venue_is_kept() -> None:
    capped = book("generic", given(("generic", "okx")), f"++{VENUES}.okx.open_interest_cap_usd=5e6")
    prices = build_study(load([*SMALL])[0]).prices0
    assert (capped.open_interest(prices) <= 5e6 * (1 + 1e-6)).all()
    assert any("open interest is at the venue's cap of 5,000,000 USD" in note for note in capped.notes)


@pytest.mark.parametrize("words", [
    ["run.paths=1", given(("okx", "bybit"))],
    ["protocol.initial_margin=0.2", "price.volatility=[1,2]", given(("okx", "bybit"))],
    ["protocol.open_interest_cap_usd=[1,2,3]", given(("okx", "bybit"))],
])
def test_words_come_back(words: list[str]) -> None:
    assert prepared(words) != words
    assert as_typed(prepared(words)) == words


@pytest.mark.parametrize(("words", "names"), [
    (["protocol=okx,bybit"], "okx,bybit"),
    (["run=quick", "protocol=choice(okx,bybit)", "protocol.insurance_fund=1,2"], "okx,bybit"),
    (["protocol=glob(d*)"], "deribit,drift_v2,dydx_v4"),
    (["protocol=glob([b*,own],exclude=bybit)"], "binance_usdm,bitmex,own"),
    (["protocol=okx"], None), (["protocol.insurance_fund=1,2"], None), (["protocol=okx,okx"], None),
    (["protocol=okx,bybit", "book=file", "book.positions=x"], None), (["protocol=okx,bybit", f"{VENUES}=null"], None),
    (["protocol=okx,bybit", f"{VENUES}=[okx]"], None),
    (["protocol=okx,bybit", f"+protocol@{VENUES}.okx=okx"], None),
])
def test_a_sweep_over_venues_names_them(words: list[str], names: str | None, tmp_path: Path) -> None:
    (tmp_path / "protocol").mkdir()
    (tmp_path / "protocol" / "own.yaml").touch()
    assert one_book(words, [config_folder(), tmp_path]) == (None if names is None else f"{VENUES}=[{names}]")


@pytest.mark.parametrize(("word", "says"), [
    (f"{VENUES}=[okx,bibyt]", "bibyt"),
    (f"{VENUES}=3", f"{VENUES}: got '3', allowed is a list of presets of protocol"),
    (f"{VENUES}={{okx: 1}}", f"{VENUES}.okx: got 1, allowed"),
    (f"++{VENUES}.okx.initial_margin=0.1", f"{VENUES}.okx.contract: missing"),
])
def test_a_venue_that_is_none_is_refused(word: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, word, "book.export=nowhere"]) == 2
    assert says in capsys.readouterr().err


def test_a_sweep_over_venues_is_paired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-m", "protocol=generic,okx", *SMALL, "run.twin=false", f"hydra.sweep.dir={tmp_path}"]) == 0
    told = capsys.readouterr().out
    assert "One book for all jobs: book.synthetic.venues=[generic,okx]." in told
    assert f"job 0  protocol=generic {SMALL[0]}" in told.splitlines()[1]
    assert VENUES not in told.splitlines()[1]
    (other,) = read_json(tmp_path / "compare.json")["others"]
    assert not other.get("refused")
    assert other["differences"]["liquidated_notional"]["n"] == 16
    assert read_json(tmp_path / "1" / "job.json")["overrides"][-1] == f"{VENUES}=[generic,okx]"
    page = (tmp_path / "sweep.html").read_text(encoding="utf-8")
    assert "nobody in it has more leverage than the strictest of generic and okx allows" in page
    report = (tmp_path / "1" / "report.html").read_text(encoding="utf-8")
    assert "no more than generic and okx allow" in report
