"""The text of ``--help``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stress.cli.arguments import COMMANDS
from stress.cli.compose import config_folder
from stress.cli.launchers import PLUGINS

GROUPS = {
    "price": "market model", "book": "accounts", "protocol": "the venue's rules", "liquidity": "depth and price impact",
    "funding": "a funding section on top of the venue's",
    "run": "Monte Carlo run", "report": "what is written for reading",
    "decide": "settings of the commands that answer a question",
    "hydra/launcher": "where the jobs of a sweep run", "hydra/sweeper": "how the values of a sweep are chosen",
    "shock": "hypothetical shocks, several in a list", "experiment": "a named study on top",
}

KEYS = {
    "run.paths=1e6": "number of paths",
    "run.horizon_hours, run.step_seconds": "simulated time and tick",
    "run.seed": "noise; the same seed pairs two settings",
    "run.resume=DIR": "finish a killed run",
    "price.markets, price.volatility, price.path": "markets, their volatility, a path to replay",
    "protocol.maintenance_margin": "flat rate instead of the tiers",
    "protocol.insurance_fund": "USD",
    "protocol.liquidation.*, .adl.*, .oracle.*": "who is closed how, who pays, what the risk check sees",
    "liquidity.depth_usd": "USD that move the price by 1 %",
    "book.accounts, book.positions": "size of the synthetic book; a positions file (with book=file)",
    "book.export=DIR": "write the book as files and stop",
    "limits.depletion_probability=0.001": "a gate: exit status 3 when violated with confidence",
    "data.path=FILE": "price history for calibrate",
    "debug=true": "few paths, NaN checks, full tracebacks",
}

EXAMPLES = (
    ("perpstress", "the default study"),
    ("perpstress price=merton run.paths=1e5", "another market model, more paths"),
    ("perpstress -m protocol.maintenance_margin=0.01,0.02", "one job each, and a sweep report"),
    ("perpstress shock=[gap_severe,depth_adverse]", "hypothetical shocks on top"),
    ("perpstress experiment=gap_duration", "a named study"),
    ("perpstress replay price.path=crash.csv book=file book.positions=book.csv", "one path, full ledger"),
    ("perpstress calibrate data.path=prices.csv calibrate.name=mine", "then: perpstress price=mine"),
    ("perpstress compare outputs/before outputs/after", "two finished runs, path by path"),
    ("perpstress report outputs/2025-10-10/21-15-00-000000", "rebuild a report"),
)

FLAGS = (
    ("-m, --multirun", "sweep: key=a,b runs one job for each value"),
    ("-c, --cfg job", "show the composed configuration and stop"),
    ("--version", "version"),
    ("--hydra-help", "all flags of Hydra, launchers and shell completion included"),
)

STATUS = "Exit status: 0 complete, 1 failed, 2 bad input, 3 a limit was violated, 130 interrupted."


def help_text() -> str:
    """Commands, config groups with their options, common keys, examples."""
    groups = [(f"{name}=", f"{doc}: {', '.join(options(name)) or '(none)'}") for name, doc in GROUPS.items()]
    sections = [
        "Monte Carlo stress tests for perpetual-futures venues.",
        "Usage: perpstress [command] [key=value ...] [flags]\n       (or python -m stress ...; without a command: run)",
        _section("Commands", COMMANDS.items()),
        _section("Config groups", groups),
        _section("Common keys", KEYS.items()),
        _section("Flags", FLAGS),
        _section("Examples", EXAMPLES),
        STATUS,
    ]
    return "\n\n".join(sections)


def options(group: str) -> list[str]:
    """Presets of a config group: the shipped ones and those under ./configs. Of Hydra's own, the plugins we know."""
    if group in PLUGINS:
        return ["basic", *PLUGINS[group]]
    folders = {config_folder() / group, Path.cwd() / "configs" / group}
    return sorted({file.stem for folder in folders for file in folder.glob("*.yaml")})


def _section(title: str, rows: Iterable[tuple[str, str]]) -> str:
    pairs = list(rows)
    width = max(len(left) for left, _ in pairs)
    return "\n".join([f"{title}:", *(f"  {left.ljust(width)}  {right}" for left, right in pairs)])
