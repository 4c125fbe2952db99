"""The strict parser: a composed YAML container becomes a :class:`Config`, or one clean error that names every key.

Nothing is coerced silently: unknown keys are refused at any depth (Hydra lets ``+a.b=1`` through), numbers must be
finite and inside the declared domain, and a whole number may be written as ``1e6`` (which YAML 1.1 reads as text).
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from stress.config.check import check
from stress.config.schema import Config
from stress.errors import UserError, bad_value, unknown_key

MOST_PROBLEMS = 5
"""Problems shown together; more would hide the first."""

Section = TypeVar("Section")

_INVALID = object()
"""Stands for a value that was refused; no Config is built once there is one."""

_MISSING = "???"
"""OmegaConf's mark for a mandatory value that nobody gave."""


def parse(container: Mapping[str, Any]) -> Config:
    """The configuration of a resolved, plain container (dicts, lists, scalars).

    Raises UserError naming every offending key (up to five) with what it got, what is allowed and the fix.
    """
    config = parse_fields(container)
    problems = check(config)
    if problems:
        raise UserError(_together(problems))
    return config


def parse_fields(container: Mapping[str, Any]) -> Config:
    """As :func:`parse`, field by field only: for values that are yet to meet the ones they will run with."""
    reader = _Reader()
    config = reader.read(Config, container, {}, "")
    if reader.problems:
        raise UserError(_together(reader.problems))
    return config


def parse_section(kind: type[Section], container: Mapping[str, Any], key: str) -> Section:
    """One section, field by field only, for what is known to go with the rest."""
    reader = _Reader()
    section = reader.read(kind, container, {}, key)
    if reader.problems:
        raise UserError(_together(reader.problems))
    return section


def declared_keys(dotted: str) -> list[str] | None:
    """Keys that may stand under ``dotted`` ('' for the root); None when that is no declared section.

    Names of markets and regimes are the user's own, so any name is followed through a map.
    """
    section = next((option for option in _declared(dotted) if dataclasses.is_dataclass(option)), None)
    return [f.name for f in dataclasses.fields(section)] if section else None


def takes_list_or_map(dotted: str) -> bool:
    """Whether the value at ``dotted`` may be given as a list as well as by name."""
    return {list, dict} <= {typing.get_origin(option) for option in _declared(dotted)}


def _declared(dotted: str) -> tuple[Any, ...]:
    kind: Any = Config
    for part in filter(None, dotted.split(".")):
        kind = _inner(kind, part)
    return _alternatives(kind)


def _inner(kind: Any, part: str) -> Any:
    for option in _alternatives(kind):
        if dataclasses.is_dataclass(option) and part in _hints(option):
            return _hints(option)[part]
        if typing.get_origin(option) is dict:
            return typing.get_args(option)[1]
    return None


def _together(problems: list[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    hidden = len(problems) - MOST_PROBLEMS
    more = [f"... and {hidden} more"] if hidden > 0 else []
    return "\n  - ".join([f"{len(problems)} problems in the configuration:", *problems[:MOST_PROBLEMS], *more])


@cache
def _hints(section: Any) -> dict[str, Any]:
    return typing.get_type_hints(section)


def _alternatives(kind: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if is_union else (kind,)


class _Reader:
    """Reads values by their declared types and collects what is wrong, key by key."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def refuse(self, error: UserError) -> Any:
        self.problems.append(str(error))
        return _INVALID

    def read(self, kind: Any, value: Any, meta: Mapping[str, Any], key: str) -> Any:
        """``value`` as the declared ``kind``; ``meta`` carries the domain of the numbers and words inside it."""
        options = _alternatives(kind)
        if Any in options:
            return value
        if value is None and type(None) in options:
            return None
        shaped = [option for option in options if _fits_shape(option, value)]
        if not shaped:
            return self.refuse(bad_value(key or "configuration", value, _allowed(options, meta)))
        if isinstance(value, Mapping):
            return self._mapping(shaped[0], value, meta, key)
        if isinstance(value, list):
            item = typing.get_args(shaped[0])[0]
            return [self.read(item, v, meta, f"{key}[{i}]") for i, v in enumerate(value)]
        try:
            return _scalar(shaped, value, meta)
        except (ValueError, OverflowError):
            return self.refuse(bad_value(key, value, _allowed(options, meta)))

    def _mapping(self, kind: Any, value: Mapping[Any, Any], meta: Mapping[str, Any], key: str) -> Any:
        odd = [name for name in value if not isinstance(name, str)]
        for name in odd:  # YAML reads NO, ON and 1 as a boolean and a number
            self.refuse(bad_value(f"{key}.{name}", name, "a text as the name", "Put the name in quotes."))
        if odd:
            return _INVALID
        if dataclasses.is_dataclass(kind):
            return self._section(kind, value, key)
        item = typing.get_args(kind)[1]
        return {name: self.read(item, v, meta, f"{key}.{name}") for name, v in value.items()}

    def _section(self, kind: Any, value: Mapping[str, Any], key: str) -> Any:
        fields = {f.name: f for f in dataclasses.fields(kind)}
        for name in value:
            if name not in fields:
                self.refuse(unknown_key(key, str(name), fields))
        found: dict[str, Any] = {}
        for name, field in fields.items():
            full = f"{key}.{name}" if key else name
            given = value.get(name, None if field.metadata.get("optional") else _MISSING)
            if isinstance(given, str) and given == _MISSING:
                doc = field.metadata.get("doc", "")
                self.refuse(UserError(f"{full}: missing ({doc}). Give it a value; the shipped presets show one."))
                continue
            found[name] = self.read(_hints(kind)[name], given, field.metadata, full)
        return kind(**found) if len(found) == len(fields) else _INVALID


def _fits_shape(kind: Any, value: Any) -> bool:
    if isinstance(value, Mapping):
        return dataclasses.is_dataclass(kind) or typing.get_origin(kind) is dict
    if isinstance(value, list):
        return typing.get_origin(kind) is list
    return value is not None and kind in (bool, int, float, str)


def _scalar(kinds: list[Any], value: Any, meta: Mapping[str, Any]) -> Any:
    """``value`` as the first of ``kinds`` that takes it; ValueError when none does."""
    if bool in kinds or isinstance(value, bool):
        if isinstance(value, bool) and bool in kinds:
            return value
        raise ValueError(value)
    if int in kinds or float in kinds:
        if str in kinds and value == "auto":
            return value
        return _number(value, int in kinds, meta)
    text = str(value)
    if meta.get("choices") and text not in meta["choices"]:
        raise ValueError(value)
    return text


def _number(value: Any, whole: bool, meta: Mapping[str, Any]) -> int | float:
    number = float(value)  # a string such as "1e6" too: YAML 1.1 has no exponent without a point
    if not math.isfinite(number) or not _inside(number, meta) or (whole and not number.is_integer()):
        raise ValueError(value)
    if not whole:
        return number
    return value if isinstance(value, int) else int(number)  # an integer beyond 2^53 stays exact


def _inside(number: float, meta: Mapping[str, Any]) -> bool:
    low, high, above, below = (meta.get(name) for name in ("low", "high", "above", "below"))
    return ((low is None or number >= low) and (high is None or number <= high)
            and (above is None or number > above) and (below is None or number < below))


def _allowed(options: tuple[Any, ...], meta: Mapping[str, Any]) -> str:
    """The domain in words, for the error message."""
    words = []
    if int in options or float in options:
        words.append(_number_words(int in options, meta) + (" or 'auto'" if str in options else ""))
    elif str in options:
        words.append("one of " + ", ".join(meta["choices"]) if meta.get("choices") else "a text")
    if bool in options:
        words.append("true or false")
    for option in options:
        if typing.get_origin(option) is list:
            words.append("a list")
        elif typing.get_origin(option) is dict or dataclasses.is_dataclass(option):
            words.append("a map")
    if type(None) in options:
        words.append("null")
    return ", ".join(words[:-1]) + " or " + words[-1] if len(words) > 1 else words[0]


def _number_words(whole: bool, meta: Mapping[str, Any]) -> str:
    signs = (("low", ">="), ("above", ">"), ("high", "<="), ("below", "<"))
    bounds = " and ".join(f"{sign} {meta[name]:.15g}" for name, sign in signs if meta.get(name) is not None)
    unit = f" ({meta['unit']})" if meta.get("unit") else ""
    return f"{'a whole' if whole else 'a finite'} number{' ' + bounds if bounds else ''}{unit}"
