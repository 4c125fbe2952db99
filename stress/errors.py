"""The one exception a user may cause, and how its message is put together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input: says what is wrong, where, what is allowed, and the fix.

    Raised before anything compiles; the command line prints its text alone, without a traceback.
    """


def unknown_key(where: str, key: str, allowed: Iterable[str]) -> UserError:
    """The error for a key nobody declared, with the nearest declared one."""
    names = sorted(allowed)
    full = f"{where}.{key}" if where else key
    near = difflib.get_close_matches(key, names, n=1)
    hint = f" Did you mean {where + '.' if where else ''}{near[0]}?" if near else ""
    return UserError(f"{full}: unknown key.{hint} Allowed here: {', '.join(names)}.")


def bad_value(key: str, got: object, allowed: str, fix: str = "") -> UserError:
    """The error for a value outside its domain: key, what it got, what is allowed, the fix."""
    return UserError(f"{key}: got {as_written(got)}, allowed is {allowed}.{' ' + fix if fix else ''}")


def first_line(error: Exception) -> str:
    """What somebody else's error says, without what follows; its kind where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def as_written(value: object) -> str:
    """A value as a configuration has it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)
