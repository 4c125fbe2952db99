"""Shell completion: Hydra completes overrides; what it cannot read in the line is taken out first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from stress.cli.arguments import COMMANDS, Arguments
from stress.cli.compose import own_presets

LINE = "COMP_LINE"
"""Where shells put the line typed so far."""


@contextmanager
def completing(arguments: Arguments) -> Iterator[None]:
    """While a shell asks for completions, show Hydra the line without our command and with the flags in front."""
    line = os.environ.get(LINE)
    if "--shell-completion" not in arguments.flags or line is None:
        yield
        return
    own = own_presets()
    if own is not None:
        arguments.flags["--config-dir"] = str(own)
    os.environ[LINE] = completion_line(line)
    try:
        yield
    finally:
        os.environ[LINE] = line


def completion_line(line: str) -> str:
    """``line`` in an order that Hydra can parse; the word being typed stays last."""
    program, *words = line.split() or [""]
    typing = "" if line.endswith(" ") or not words else words.pop()
    if words and words[0] in COMMANDS:
        words = words[1:]
    flags = [word for word in words if word.startswith("-")]
    rest = [word for word in words if not word.startswith("-")]
    return " ".join([program, *flags, *rest, typing])
