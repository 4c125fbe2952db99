"""The command line before Hydra sees it: command, folders, overrides and flags, in whatever order they were typed.

Stock Hydra 1.3 refuses a flag between two overrides; regrouped, overrides first and flags last, it takes them all.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field

from stress.decisions.names import DECISIONS
from stress.errors import UserError

COMMANDS = {
    "run": "simulate one configuration; with -m one job for each combination of values",
    "calibrate": "fit a price model to a history file and write it as a price= preset",
    "replay": "push a given price path through the venue and write the full ledger",
    **DECISIONS,
    "compare": "set finished runs against the first of them, path by path: compare DIR DIR...",
    "report": "rebuild the report of a run, a sweep, a decision, a comparison or a calibration: report DIR...",
}
ON_FOLDERS = ("compare", "report")
"""Commands that take folders."""

TARGET = "hydra.run.dir="
"""Where a command writes; the one override that compare takes."""

SWITCHES = {"--help": "-h", "--version": "", "--multirun": "-m", "--run": "-r", "--resolve": "", "--hydra-help": "",
            "--shell-completion": "-sc"}
"""Flags without a value, with their short forms."""

VALUED = {"--cfg": "-c", "--package": "-p", "--config-path": "-cp", "--config-name": "-cn", "--config-dir": "-cd",
          "--experimental-rerun": ""}
"""Flags that take the next word (or what follows ``=``) as their value."""

INFO = {"--info": "-i"}
"""The one flag whose value may be left out."""

INFO_VALUES = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")

_LONG = {short: long for group in (SWITCHES, VALUED, INFO) for long, short in group.items() if short}


@dataclass
class Arguments:
    """What was typed. ``flags`` maps a flag's long name to its value, or to None."""

    command: str = "run"
    folders: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    flags: dict[str, str | None] = field(default_factory=dict)

    def flag_words(self) -> list[str]:
        """The flags as words; Hydra accepts them after all overrides."""
        return [word for name, value in self.flags.items() for word in ([name] if value is None else [name, value])]


def read_arguments(words: list[str]) -> Arguments:
    """Sort ``words`` (sys.argv without the program). Raises UserError on an unknown command or flag."""
    result = Arguments()
    plain = list(_flags_taken_out(words, result.flags))
    _refuse_together(result.flags)
    names = [word for word in plain if not _is_override(word)]
    if names:
        result.command = _command(names[0])
        plain.remove(names[0])
    if result.command in ON_FOLDERS:
        result.folders = [word for word in plain if not word.startswith(TARGET)]
        result.overrides = [word for word in plain if word.startswith(TARGET)]
        return result
    if len(names) > 1:
        raise UserError(f"{names[1]}: neither a command nor an override. Overrides have the form key=value"
                        + (f": write {names[1]}=VALUE." if "." in names[1] else "."))
    result.overrides = plain
    return result


def _flags_taken_out(words: list[str], flags: dict[str, str | None]) -> Iterator[str]:
    """Yield what is no flag; enter the flags into ``flags``."""
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if not word.startswith("-") or word == "-":
            yield word
            continue
        name, equals, attached = word.partition("=")
        name = _LONG.get(name, name)
        if name in SWITCHES and not equals:
            flags[name] = None
        elif name in INFO:
            flags[name] = attached if equals else queue.pop(0) if queue and queue[0] in INFO_VALUES else None
        elif name in VALUED:
            if not equals and not queue:
                raise UserError(f"{word}: needs a value.")
            flags[name] = attached if equals else queue.pop(0)
        else:
            raise _unknown_flag(word)


def _refuse_together(flags: dict[str, str | None]) -> None:
    modes = [name for name in ("--multirun", "--run", "--cfg", "--info", "--shell-completion") if name in flags]
    if len(modes) > 1:
        raise UserError(f"{' and '.join(modes)}: only one of these at a time.")
    if "--resolve" in flags and "--cfg" not in flags:
        raise UserError("--resolve: only with --cfg.")
    if "--experimental-rerun" in flags:
        raise UserError("--experimental-rerun: not offered, it would run what is inside a pickle. Use run.resume=DIR.")


def _is_override(word: str) -> bool:
    return "=" in word or word.startswith("~")


def _command(word: str) -> str:
    if word in COMMANDS:
        return word
    if "." in word:
        raise UserError(f"{word}: neither a command nor an override. To set a key write {word}=VALUE.")
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UserError(f"{word}: unknown command.{hint} Commands: {', '.join(COMMANDS)}.")


def _unknown_flag(word: str) -> UserError:
    names = [*SWITCHES, *VALUED, *INFO]
    near = difflib.get_close_matches(word.partition("=")[0], names, n=1, cutoff=0.8)
    hint = f" Did you mean {near[0]}?" if near else " Settings are overrides, without dashes: run.paths=1000."
    return UserError(f"{word}: unknown flag.{hint} Flags: {', '.join(names)}.")
