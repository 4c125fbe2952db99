"""Pages of the venues: what is computed on them is current, and what they say of a preset is what it says itself."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from functools import cache
from types import ModuleType
from typing import Any

import pytest
import yaml
from documents import ROOT, code, table, tables, text

from tests.by_hand import calculated, looked_up


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("venues", ROOT / "docs" / "venues.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VENUES = generator().pages.VENUES


@cache
def preset(venue: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "configs" / "protocol" / f"{venue}.yaml").read_text(encoding="utf-8"))


@cache
def ledger(venue: str) -> dict[str, Any]:
    """Of the page's own command."""
    return generator().ledgers.ledger(text(f"docs/venues/{venue}.md"))


def test_every_preset_has_a_page() -> None:
    presets = {file.stem for file in (ROOT / "configs" / "protocol").glob("*.yaml")}
    assert presets == {*VENUES, "generic"}
    listed = {code(row[0])[0] for row in table(text("docs/venues/index.md"), "preset", "closes", "at", "fee", "who takes it", "who pays")}
    assert listed == set(VENUES)


# --- the ledger and what is worked out by hand ----------------------------------------------------------------------
@pytest.mark.parametrize("venue", VENUES)
def test_the_replay_is_current_and_right_by_hand(venue: str) -> None:
    made, page, found = generator(), text(f"docs/venues/{venue}.md"), ledger(venue)
    assert made.pages.inside(page, "ledger") == made.ledgers.ledger_tables(found), "run: python docs/venues.py"
    rows = [row for rows in tables(page) if rows[0][-1] == "in the ledger" for row in rows[1:]]
    assert len(rows) >= 8
    for what, by_hand, result, place in rows:
        assert calculated(code(by_hand)[0]) == pytest.approx(float(result), rel=1e-8, abs=1e-12), what
        if place:
            assert looked_up(found, code(place)[0]) == pytest.approx(float(result), rel=2e-6, abs=1e-9), what


@pytest.mark.parametrize("venue", VENUES)
def test_every_fill_is_in_the_books(venue: str) -> None:
    outcome = ledger(venue)["outcome"]
    paid = sum(outcome[name] for name in ("insurance_paid", "adl_haircut", "socialised_loss", "uncovered"))
    assert paid == pytest.approx(outcome["bad_debt"], abs=1e-6)
    assert outcome["cash_residual"] < 1e-6
    assert outcome["contracts_residual"] < 1e-6


# --- what a page says of its preset ---------------------------------------------------------------------------------
@pytest.mark.parametrize("venue", VENUES)
def test_every_assumed_number_is_listed(venue: str) -> None:
    rows = table(text(f"docs/venues/{venue}.md"), "key", "value", "why")
    written = {_plain(row[0]) for row in rows}
    assumed = {f"protocol.{_plain(name)}" for name in preset(venue)["provenance"]["assumed"]}
    assert written == assumed


def _plain(name: str) -> str:
    """A key without marks; what a map says of one market reads the same either way."""
    name = name.replace("`", "").replace(" of the ", ".").replace(" of ", ".")
    return re.sub(r"^(protocol\.)?(margin\.maintenance_share)\.(\w+)$", r"\1\2.\3", name)


@pytest.mark.parametrize("venue", VENUES)
def test_the_sources_are_those_of_the_preset(venue: str) -> None:
    page = text(f"docs/venues/{venue}.md")
    sources = page.partition("## Sources")[2].partition("\n## ")[0]
    given = preset(venue)["provenance"]["source"]
    for name in (*re.findall(r"\b[0-9a-f]{7,40}\b", given), *re.findall(r"\b\w+/[\w-]+\b", given), *re.findall(r"\d{4}-\d\d-\d\d", given)):
        assert name in sources, name


@pytest.mark.parametrize("venue", VENUES)
def test_a_page_has_all_its_parts(venue: str) -> None:
    headings = re.findall(r"^## (.+)$", text(f"docs/venues/{venue}.md"), re.MULTILINE)
    assert headings == ["What is modelled", "What is approximated", "What is left out", "Assumed numbers", "Sources", "A liquidation, replayed"]


# --- lists ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "marker"), [("cases", "cases"), ("functions", "functions")])
def test_the_lists_are_current(name: str, marker: str) -> None:
    made = generator()
    part = getattr(made, name)
    found = {"cases": "case_tables", "functions": "function_tables"}[name]
    assert made.pages.inside(text(f"docs/venues/{name}.md"), marker) == getattr(part, found)(), "run: python docs/venues.py"


def test_every_function_says_what_it_gives() -> None:
    written = generator().pages.inside(text("docs/venues/functions.md"), "functions")
    rows = [row for found in tables(written) for row in found[1:]]
    assert len(rows) > 100
    assert all(what for _, what in rows)


def test_every_mechanism_of_a_case_has_a_function() -> None:
    """Of the venues that the page lists: each is named, can be imported and takes what is written, in that order."""
    from tests.venues.answers import ANSWERS

    rows = table(text("docs/venues/functions.md"), "venue", "mechanism", "function", "signs, units, rounding")
    listed = {(name, kind.strip()) for venue, kinds, *_ in rows for name in code(venue) for kind in kinds.split(",")}
    venues = {venue for venue, _ in listed}
    assert {kind for kind in ANSWERS if kind[0] in venues} <= listed
    for _, _, functions, _ in rows:
        for call in code(functions):
            path, given = re.fullmatch(r"([\w.]+)\((.*)\)", call).groups()  # type: ignore[union-attr]
            module, _, name = path.rpartition(".")
            names = inspect.signature(getattr(importlib.import_module(module), name)).parameters
            if "(" not in given:
                wanted = [argument.partition("=")[0] for argument in given.split(", ")]
                assert wanted == list(names)[: len(wanted)], call


def test_the_comparison_is_of_all_presets() -> None:
    made, page = generator(), text("docs/venues/comparison.md")
    shown = [found for found in tables(made.pages.inside(page, "tables")) if found[0][0] == "preset"]
    assert len(shown) == len(made.comparison.SHOCKS)
    for found in shown:
        assert [code(row[0])[0] for row in found[1:]] == list(made.comparison.PRESETS)
    for word in (*made.comparison.BOOK, *made.comparison.RUN):
        assert word in page
