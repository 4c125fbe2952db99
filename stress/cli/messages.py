"""Turning errors of Hydra and OmegaConf into one clean message: the key, what is allowed, the fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager

from stress.cli.help import options as presets
from stress.config.check import METRICS
from stress.config.parse import declared_keys
from stress.errors import UserError, unknown_key


def explain(error: Exception) -> UserError | None:
    """The message for an error that the user can mend; None for anything else (a bug of ours)."""
    from hydra.errors import HydraException, MissingConfigException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    if isinstance(error, UserError):
        return error
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    if isinstance(error, OverrideParseException):
        return UserError(f"{error.override}: not a valid override ({_line(str(error).split('See ')[0])}). "
                         "Write key=value; put values with spaces or punctuation in quotes.")
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _composition(error)
    if isinstance(error, YAMLError):
        return UserError(f"not readable as YAML: {_line(str(error))}")
    return None


@contextmanager
def as_user_errors() -> Iterator[None]:
    """Raise what the user can mend as UserError, whoever raised it."""
    try:
        yield
    except Exception as error:
        explained = explain(error)
        if explained is None or explained is error:
            raise
        raise explained from error


def _missing_option(error: object) -> UserError:
    text = str(error)
    missing = (getattr(error, "missing_cfg_file", None) or "").removesuffix(".yaml")
    group, _, option = missing.rpartition("/")
    options = getattr(error, "options", None) or presets(group)  # of a list of presets Hydra does not say
    if not group or not options:
        return UserError(_line(text))
    near = difflib.get_close_matches(option, options, n=1)
    hint = f" Did you mean {group}={near[0]}?" if near else ""
    return UserError(f"{group}={option}: no such option.{hint} Allowed: {', '.join(sorted(options))}.")


def _composition(error: Exception) -> UserError:
    """Errors while overrides meet the files."""
    text = " ".join(str(e) for e in (error, error.__cause__) if e is not None)
    overridden = re.search(r"Could not override '([^']+)'", text)
    if overridden and ("not in struct" in text or "No match in the defaults list" in text):
        dotted, within = overridden.group(1).partition("@")[0], re.search(r"Key '([^']+)' is not in struct", text)
        if within is None or within.group(1) == dotted.rpartition(".")[2]:
            return _unknown(dotted)
        if declared_keys(dotted) is not None:
            return _unknown(f"{dotted}.{within.group(1)}")
        return UserError(f"{dotted}: the preset's map has no {within.group(1)}. A map given on the command line "
                         f"changes entries of the preset's; one that also adds some is ++{dotted}={{...}}.")
    appended = re.search(r"Could not append to config\. An item is already at '([^']+)'", text)
    if appended:
        return UserError(f"+{appended.group(1)}: the key is there already. Drop the plus: {appended.group(1)}=VALUE.")
    merged = re.search(r"Error merging override (.*)", text)
    if merged:
        return UserError(f"{merged.group(1)}: does not fit what the chosen preset holds there (a number, a list or a "
                         "map). See it with --cfg job, and give the same form.")
    return UserError(_line(str(error)))


def _unknown(dotted: str) -> UserError:
    where, _, key = dotted.replace("/", ".").rpartition(".")
    if where == "limits":
        return unknown_key(where, key, METRICS)
    allowed = declared_keys(where)
    if allowed is None:
        return UserError(f"{dotted}: not in the composed configuration. A new name in a map is added with a plus: "
                         f"+{dotted}=VALUE.")
    if key in allowed:
        return UserError(f"{dotted}: the chosen preset of {dotted.partition('.')[0]} lacks this key. "
                         f"Add it with a plus: +{dotted}=VALUE, and so with every key of {where} that it lacks.")
    return unknown_key(where, key, [*allowed, *([] if where else ["experiment", "shock"])])


def _line(text: str) -> str:
    """``text`` as one line."""
    return re.sub(r"\s*\n\s*", "; ", text.strip()).replace(":;", ":")
