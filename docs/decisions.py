"""Answer every question of a risk committee for one venue and write the page: ``python docs/decisions.py [NAME ...]``.

Work is kept in ``outputs/decisions``: what was simulated there is not simulated again. All of it takes 23 minutes of CPU
time. What the page says about the numbers is written by hand: read it again after a run.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from docs.studies import cell, smaller  # noqa: E402
from docs.venue_tables.pages import between, table  # noqa: E402

PAGE, IMAGES = ROOT / "docs" / "decisions.md", ROOT / "docs" / "images"
WORK = ROOT / "outputs" / "decisions"
VENUE = "protocol=binance_usdm"
KEYS = "protocol.insurance_fund,protocol.liquidation.fee,protocol.margin_tiers,liquidity"
METRICS = "depletion_probability,fund_shortfall,bad_debt"
PLACES = ("Report: ", "Data: ", "Folder: ", "Sweep: ")
"""Beginnings of lines that say where something is."""


@dataclass(frozen=True)
class Question:
    """Commands of a section of the page, the last of which answers; and what it shows of that one's report."""

    commands: tuple[str, ...]
    pictures: tuple[str, ...]  # names of figures, in the order of the page
    metrics: tuple[str, ...] = ()  # of a sweep: columns of its table


QUESTIONS = {
    "fund": Question((f"fund {VENUE} run.paths=2048",), ("horizons", "markets")),
    "frontier": Question((f"frontier {VENUE} run=quick decide.frontier.target=0.01",), ("frontier", "isoquants")),
    "critical": Question((f"critical {VENUE} run.paths=2048",), ("losses", "frontier")),
    "attribution": Question((f"attribution {VENUE} run.paths=2048",), ("attribution", "attribution_changes")),
    "sensitivity": Question((
        f"sensitivity {VENUE} run=quick 'decide.sensitivity.keys=[{KEYS}]' 'decide.sensitivity.metrics=[{METRICS}]'",),
        ("tornado_depletion_probability",)),
    "search": Question((
        f"search {VENUE} run=quick decide.search.key=protocol.insurance_fund limits.depletion_probability=0.02",),
        ("search",)),
    "compare": Question((
        f"{VENUE} run=quick hydra.run.dir=outputs/step_down",
        f"{VENUE} run=quick protocol.liquidation.rule=full hydra.run.dir=outputs/full",
        "compare outputs/step_down outputs/full"), ("compare",)),
    "sweep": Question((
        f"-m {VENUE} run=quick protocol.liquidation.fee=0.00625,0.0125,0.025 protocol.insurance_fund=1e5,2.5e5,1e6",),
        ("sweep_map",),
        ("depletion_probability", "adl_notional", "fees_to_fund")),
}


def answered(name: str) -> tuple[str, Path]:
    """What the last command prints, and the folder of its report. Raises RuntimeError where a command fails."""
    printed = ""
    for command in QUESTIONS[name].commands:
        words = shlex.split(command)
        if "hydra.run.dir" not in command:
            words += [f"hydra.sweep.dir={name}", "report.enabled=false"] if "-m" in words else [f"hydra.run.dir={name}"]
        elif (WORK / words[-1].partition("=")[2] / "summary.json").is_file():
            continue
        printed = _printed([*words, *(["run.progress=false"] if name != "compare" else [])])
    return printed, WORK / name


def _printed(words: list[str]) -> str:
    from stress.cli.main import main

    with inside(WORK), redirect_stdout(StringIO()) as out:
        status = main(words)
    if status not in (0, 3):
        raise RuntimeError(f"perpstress {shlex.join(words)}: exit status {status}")
    return out.getvalue()


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder."""
    before = Path.cwd()
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def section(name: str) -> str:
    """Commands, pictures and answers, as Markdown."""
    question = QUESTIONS[name]
    printed, folder = answered(name)
    typed = "\n".join(f"perpstress {command}" for command in question.commands)
    parts = [f"```console\n{typed}\n```", ""]
    for picture in question.pictures:
        file = IMAGES / f"decision_{name}{'' if picture == question.pictures[0] else f'_{picture}'}.png"
        file.write_bytes(smaller(drawn(folder, picture, question.metrics)))
        parts += [f"![{name}: {picture.replace('_', ' ')}](images/{file.name})", ""]
    told = differences(folder) if name == "compare" else printed.splitlines()
    return "\n".join([*parts, grid(folder, question.metrics) if question.metrics else answers(told)])


def drawn(folder: Path, picture: str, metrics: tuple[str, ...]) -> bytes:
    """A picture of the report; of a sweep with these metrics only."""
    if not metrics:
        return (folder / "figures" / f"{picture}.png").read_bytes()
    from stress.report import page, style
    from stress.report.figures import sweep_map
    from stress.report.sweep_load import load_sweep

    sweep = load_sweep(folder)
    with style.applied():
        figure = sweep_map.draw(sweep, metrics[:2], *reversed(sweep.keys)).figure
        assert figure is not None
        return style.png(figure, page.DEFAULT_DPI)


def grid(folder: Path, metrics: tuple[str, ...]) -> str:
    """The jobs of a sweep as a table."""
    from stress.report.metrics import title_of
    from stress.report.sweep_load import load_sweep

    sweep = load_sweep(folder)
    rows = [[sweep.label(job), *(cell(metric, job.metrics.get(metric)) for metric in metrics)] for job in sweep.done]
    return table(("setting", *map(title_of, metrics)), rows)


def differences(folder: Path) -> list[str]:
    """The sentences of a comparison's page."""
    from stress.files import read_json
    from stress.report import paired

    found = read_json(folder / "compare.json")
    return [line for other in paired.others_of(found) for line in paired.in_short(found["first"], other)]


def answers(lines: list[str]) -> str:
    """Sentences as a list."""
    told = [line.strip() for line in lines if line.strip() and not line.startswith(PLACES)]
    return "\n".join([*(f"- {line}" for line in told), ""])


def main(words: list[str]) -> None:
    """Answer the named questions, or all, and write the page."""
    for name in words or QUESTIONS:
        part = section(name)  # takes minutes: the page is read afterwards
        PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), name, part), encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
