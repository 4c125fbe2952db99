"""The documentation says what the code does: names, keys, tables, paths. What it tells to type: test_docs_commands."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import sys
from types import ModuleType

import pytest
from documents import NAMES, ROOT, blocks, code, commands, prose, table, text

from stress.cli import arguments, main, sweep
from stress.config import schema
from stress.config.parse import declared_keys
from stress.engine import state, step
from stress.mc import limits
from stress.mc.estimators.metrics import ADAPTIVE, BACKSTOP, COINS, DEPOSITORS, FAIRNESS, GUARDED, METRICS, WITHDRAWALS

SECTIONS = [f.name for f in dataclasses.fields(schema.Config)]
FORBIDDEN = re.compile(r"\.\./shared|(?<![\w.])/(?:work|tmp|root|home|opt|Users)\b|[A-Z]:\\")
"""Places that exist on one machine only."""
FILES = ("html", "parquet", "json", "npz", "yaml", "csv")
"""What follows the dot where `report.html` is a file and no key."""


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["generate"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- the configuration reference ------------------------------------------------------------------------------------
def test_the_configuration_reference_is_current() -> None:
    assert text("docs/reference/config.md") == generator().page(), "run: python docs/generate.py"


def test_every_key_has_meaning_and_default() -> None:
    rows = {row.key: row for row in generator().rows()}
    empty = [key for key, row in rows.items() if not (row.doc.strip() and row.default.strip() and row.allowed.strip())]
    assert empty == []
    for key in ("price.regimes.<regime>.jump.std", "protocol.margin_tiers.<market>[i].up_to_usd", "limits", "debug"):
        assert key in rows


def test_every_field_of_every_section_is_a_key() -> None:
    sections = [kind for kind in vars(schema).values() if dataclasses.is_dataclass(kind) and isinstance(kind, type)]
    keys = [row.key.rpartition(".")[2] for row in generator().rows()]
    missing = [f"{kind.__name__}.{field.name}" for kind in sections if kind is not schema.Config
               for field in dataclasses.fields(kind) if field.name not in keys and not _holds_section(field)]
    assert missing == []


def _holds_section(field: dataclasses.Field) -> bool:
    return str(field.type).endswith("Config")


def test_every_preset_is_listed() -> None:
    page = text("docs/reference/config.md")
    presets = [f"{file.parent.name}={file.stem}" for file in generator().shipped()]
    assert len(presets) > 10
    assert [preset for preset in presets if f"`{preset}`" not in page] == []


# --- tables against the code ----------------------------------------------------------------------------------------
def test_the_metric_table_is_the_code_s() -> None:
    rows = table(text("docs/reference/metrics.md"), "metric", "unit", "columns", "what it is")
    written = {code(name)[0]: (unit, tuple(code(columns))) for name, unit, columns, _ in rows}
    known = METRICS | BACKSTOP | DEPOSITORS | FAIRNESS | COINS | GUARDED | ADAPTIVE | WITHDRAWALS
    assert written == {name: (d.unit, d.columns) for name, d in known.items()}
    assert all(meaning for *_, meaning in rows)


def test_every_command_and_flag_is_documented() -> None:
    page = text("docs/reference/cli.md")
    typed = [code(row[0])[0].split()[0] for row in table(page, "command", "does")]
    assert typed == list(arguments.COMMANDS)
    flags = {code(flag)[0].split()[0]: code(short) for flag, short, _ in table(page, "flag", "short", "does")}
    known = {**arguments.SWITCHES, **arguments.VALUED, **arguments.INFO}
    refused = {"--experimental-rerun"}
    assert flags == {name: [short] if short else [] for name, short in known.items() if name not in refused}
    assert "--experimental-rerun" in page


def test_every_exit_status_is_documented() -> None:
    rows = table(text("docs/reference/cli.md"), "status", "means")
    codes = (main.OK, main.FAILED, main.BAD_INPUT, main.LIMIT_VIOLATED, main.INTERRUPTED)
    assert [int(row[0]) for row in rows] == list(codes)


def test_every_status_is_documented() -> None:
    page = text("docs/reference/statuses.md")
    rows = table(page, "code", "name", "means", "what to do")
    assert {int(number): code(name)[0] for number, name, *_ in rows} == state.STATUS_NAMES
    verdicts = [code(row[0])[0] for row in table(page, "status", "means")]
    assert set(verdicts) == {sweep.OK, sweep.FAILED, sweep.LIMIT}
    rows = table(text("docs/guides/gates.md"), "verdict", "when", "exit status")
    assert {row[0]: int(row[2]) for row in rows} == {
        limits.VIOLATED: main.LIMIT_VIOLATED, limits.MET: main.OK, limits.UNDECIDED: main.OK}


def test_the_phases_of_a_tick_are_the_step_function_s() -> None:
    coded = re.findall(r"^\s+(\d+ \w+) ", step.__doc__ or "", re.MULTILINE)
    assert [row[0] for row in table(text("docs/concepts/tick.md"), "phase", "decides", "set by")] == coded
    assert len(coded) == 11


def test_paths_that_a_required_fund_takes() -> None:
    from stress.mc.estimators.binomial import paths_needed

    rows = table(text("docs/concepts/statistics.md"), "metric", "paths")
    for name, paths in rows:
        digits = code(name)[0].rpartition("_")[2]
        assert int(paths.replace(",", "")) == paths_needed(float(f"0.{digits}"), 0.95)
    assert len(rows) == 3


# --- every page -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_no_page_names_a_machine(name: str) -> None:
    assert FORBIDDEN.findall(text(name)) == []


def test_the_search_for_machines_finds_them() -> None:
    assert all(FORBIDDEN.search(line) for line in ("see ../shared/x", "in /work/main", "`/tmp/a`", "C:\\x"))
    assert not any(FORBIDDEN.search(line) for line in ("a/work/b", "stress/tmp", "https://x.org/home"))


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    folder = NAMES[name].parent
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(text(name)))
    inside = [target.partition("#") for target in targets if not target.startswith("http")]
    assert [path for path, _, _ in inside if path and not (folder / path).exists()] == []
    for path, _, anchor in inside:
        if anchor:
            page = (folder / path) if path else NAMES[name]
            assert anchor in _anchors(page.read_text(encoding="utf-8")), f"{name}: {path}#{anchor}"


def _anchors(page: str) -> list[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("name", NAMES)
def test_files_and_symbols_exist(name: str) -> None:
    for path, symbol in re.findall(r"`((?:stress|configs|tests|docs|examples|\.ci)/[\w./-]*)(?:::(\w+))?`", text(name)):
        assert (ROOT / path).exists(), f"{name}: no {path}"
        if symbol:
            source = (ROOT / path).read_text(encoding="utf-8")
            defined = re.search(rf"^(?:def|class) {symbol}\b|^{symbol}\b", source, re.MULTILINE)
            assert defined, f"{name}: no {symbol} in {path}"


@pytest.mark.parametrize("name", NAMES)
def test_configuration_keys_exist(name: str) -> None:
    words = " ".join(code(prose(text(name))))
    keys = re.findall(rf"(?<![\w/.])((?:{'|'.join(SECTIONS)})(?:\.[a-z_]\w*)+)", words)
    assert [key for key in keys if not _is_key(*key.rpartition(".")[::2])] == []


def _is_key(section: str, name: str) -> bool:
    return name in FILES or name in (METRICS if section == "limits" else declared_keys(section) or ())


# --- the README -----------------------------------------------------------------------------------------------------
def test_setting_up_takes_two_commands() -> None:
    setup = commands(blocks_as_page("README.md"))
    assert len(setup) == 2
    assert setup[0].endswith("&& .venv/bin/python -m stress")
    assert setup[1].startswith(".venv/bin/python -m pytest")


def blocks_as_page(name: str) -> str:
    """A page with the first console block alone."""
    return f"```console\n{blocks(text(name), 'console')[0]}```\n"


def test_pictures_are_pictures() -> None:
    files = sorted((ROOT / "docs" / "images").iterdir())
    assert files
    assert all(file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for file in files)
    assert all(any(file.name in text(name) for name in NAMES) for file in files)
    assert all(file.stat().st_size < 150_000 for file in files if file.name.startswith(("decision_", "study_")))


def test_every_decision_is_on_the_page_of_all_of_them() -> None:
    from docs.decisions import QUESTIONS
    from stress.decisions.names import DECISIONS

    page = text("docs/decisions.md")
    assert set(QUESTIONS) == {*DECISIONS, "compare", "sweep"}
    for name, question in QUESTIONS.items():
        part = page.split(f"<!-- {name} -->\n", 1)[1].split(f"<!-- /{name} -->", 1)[0]
        assert commands(part) == [f"perpstress {command}" for command in question.commands], "run: python docs/decisions.py"
        assert part.count("](images/decision_") == len(question.pictures)
        assert re.search(r"\d.* to .*\d", part.replace(question.commands[-1], "")), "no interval"
