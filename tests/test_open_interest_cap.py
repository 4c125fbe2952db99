"""Caps on open interest: what a synthetic book is made with, and what is said of a book that is above one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stress.build.study import Study, build_study
from stress.cli.compose import load
from stress.errors import UserError

BASE = ["run.paths=16", "price.markets=[BTC,ETH,SOL]", "book.accounts=200"]


def built(*overrides: str) -> Study:
    return build_study(load([*BASE, *overrides])[0])


def interest(study: Study) -> np.ndarray:
    return study.book.open_interest(study.prices0)


def test_a_cap_binds_where_it_is_below_what_the_book_asks_for() -> None:
    free = built()
    found = built("protocol.open_interest_cap_usd={BTC: 95e6, default: 150e6}")
    np.testing.assert_allclose(interest(free), [400e6, 200e6, 80e6], rtol=1e-6)
    np.testing.assert_allclose(interest(found), [95e6, 150e6, 80e6], rtol=1e-6)
    told = [note for note in found.book.notes if "cap" in note]
    assert [note.partition(":")[0] for note in told] == ["BTC", "ETH"]
    assert "95,000,000" in told[0] and "400,000,000" in told[0]
    assert not [note for note in free.book.notes if "cap" in note]


def test_a_cap_that_does_not_bind_changes_no_bit() -> None:
    free, found = built(), built("protocol.open_interest_cap_usd=1e9")
    for name in ("size", "entry", "cash", "owner"):
        assert getattr(free.book, name).tobytes() == getattr(found.book, name).tobytes(), name
    assert free.book.notes == found.book.notes


def test_initial_margin_that_grows_with_open_interest_sees_the_capped_one() -> None:
    grows = "protocol.margin={kind: tiers, open_interest: {lower_usd: 50e6, upper_usd: 200e6}}"
    alone, both = built(grows), built(grows, "protocol.open_interest_cap_usd=50e6")

    def rates(study: Study) -> np.ndarray:
        one = np.full(3, 1e3)
        return np.asarray(study.initial.requirement(one / study.prices0, one)) / one

    free = rates(built())
    np.testing.assert_allclose(rates(both), free)
    assert (rates(alone)[:2] >= 1.0 - 1e-12).all() and (rates(alone) > free).all()


def test_a_book_from_files_above_the_cap_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "positions.csv"
    file.write_text("account,market,size,entry_price,margin_mode,isolated_margin\n"
                    "a,BTC,10,100000,isolated,200000\nb,BTC,-10,100000,isolated,200000\n")
    given = ["price.markets=[BTC]", "price.initial_prices=[100000]", "book=file", f"book.positions={file}"]
    found = build_study(load(["run.paths=16", *given, "protocol.open_interest_cap_usd=1e5"])[0])
    assert interest(found).tolist() == [1e6]
    assert any("100,000 USD is below open interest, 1,000,000 USD; nobody is closed" in note for note in found.book.notes)


@pytest.mark.parametrize(("value", "word"), [("0", "> 0"), ("{BTC: 1e6}", "ETH, SOL"), ("[1e6]", "3")])
def test_what_is_no_cap_is_refused(value: str, word: str) -> None:
    with pytest.raises(UserError, match="open_interest_cap_usd") as refused:
        built(f"protocol.open_interest_cap_usd={value}")
    assert word in str(refused.value)
