"""The numbers of a configuration that can be moved: found from the schema, with those that cannot and why.

A number that is given by market, tier or pair is moved for all of them together, by a common factor.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from stress.config.schema import Config
from stress.errors import UserError

SECTIONS = ("protocol", "liquidity", "book.synthetic", "price")
"""Whose numbers can be moved."""
USUAL = ("protocol", "liquidity")
NOT_PARAMETERS = ("provenance", "markets", "path", "windows")
"""Fields that say where numbers come from, or what the world consists of."""
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Parameter:
    """A number, or several that move together."""

    key: str  # its name: the dotted key without numbers of list entries
    root: str  # dotted key of what a change sets
    leaves: dict[Place, float]  # numbers by their place under ``root``; () is ``root`` itself
    whole: bool  # whole numbers only
    unit: str
    doc: str
    section: Any  # whose field it is

    @property
    def value(self) -> float | None:
        """The number; None where there are several."""
        return next(iter(self.leaves.values())) if len(self.leaves) == 1 else None

    @property
    def zero(self) -> bool:
        """Whether a relative step would not move it."""
        return not any(self.leaves.values())

    def moved(self, container: Mapping[str, Any], factor: float, shift: float = 0.0) -> dict[str, Any]:
        """Changes that multiply each number by ``factor`` and add ``shift``."""
        def new(old: float) -> float | int:
            value = old * factor + shift
            return round(value) if self.whole else value

        if () in self.leaves:
            return {self.root: new(self.leaves[()])}
        node: Any = container
        for part in self.root.split("."):
            node = node[part]
        node = copy.deepcopy(node)
        for place, old in self.leaves.items():
            inside = node
            for part in place[:-1]:
                inside = inside[part]
            inside[place[-1]] = new(old)
        return {self.root: node}


@dataclass(frozen=True)
class Skipped:
    """A parameter that is not moved."""

    key: str
    reason: str


def find(config: Config, keys: Sequence[str] | None) -> tuple[list[Parameter], list[Skipped]]:
    """Numeric parameters under ``keys`` (null: the usual sections), and those that cannot be moved.

    Raises UserError for a key with nothing numeric under it.
    """
    everything = [found for section in SECTIONS for found in _walk(_at(config, section), section)]
    chosen: dict[str, Parameter | Skipped] = {}
    for key in keys if keys is not None else USUAL:
        under = [f for f in everything if f.key == key or f.key.startswith(f"{key}.")]
        if not under:
            near = difflib.get_close_matches(key, [f.key for f in everything], n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UserError(f"decide.sensitivity.keys: got {key!r}, allowed is a numeric key, or a section, under "
                            f"{', '.join(SECTIONS)}.{hint}")
        chosen |= {f.key: f for f in under}
    return ([f for f in chosen.values() if isinstance(f, Parameter)],
            [f for f in chosen.values() if isinstance(f, Skipped)])


def _at(config: Config, key: str) -> Any:
    node: Any = config
    for part in key.split("."):
        node = getattr(node, part)
    return node


def _walk(section: Any, key: str) -> Iterator[Parameter | Skipped]:
    """Everything numeric of a section."""
    hints = typing.get_type_hints(type(section))
    for field in dataclasses.fields(section):
        if field.name in NOT_PARAMETERS:
            continue
        name, value = f"{key}.{field.name}", getattr(section, field.name)
        kinds = _kinds(hints[field.name])
        if value is None:
            if kinds & {int, float} or any(dataclasses.is_dataclass(kind) for kind in kinds):
                yield Skipped(name, "not set")
        elif dataclasses.is_dataclass(value):
            yield from _walk(value, name)
        elif isinstance(value, Mapping) and any(dataclasses.is_dataclass(v) for v in value.values()):
            for inner, item in value.items():
                yield from _walk(item, f"{name}.{inner}")
        elif isinstance(value, (Mapping, list)):
            yield from _together(value, name, field.metadata, section)
        elif kinds & {int, float} and isinstance(value, str):
            yield Skipped(name, f"is {value}")
        elif isinstance(value, Real) and not isinstance(value, bool):
            whole = float not in kinds
            yield _or_why_not(Parameter(name, name, {(): float(value)}, whole, field.metadata["unit"],
                                        field.metadata["doc"], section))


def _together(value: Any, key: str, meta: Mapping[str, Any], section: Any) -> Iterator[Parameter | Skipped]:
    """Numbers in a map or list: one parameter, or one for each field of the sections that it holds."""
    groups: dict[str, dict[Place, float]] = {}
    about: dict[str, Mapping[str, Any]] = {"": meta}
    for place, leaf, field in _leaves(value):
        name = field.name if field is not None else ""
        about.setdefault(name, field.metadata if field is not None else meta)
        groups.setdefault(name, {})[place] = leaf
    for name, leaves in groups.items():
        full = f"{key}.{name}" if name else key
        yield _or_why_not(Parameter(full, key, leaves, False, about[name]["unit"], about[name]["doc"], section))


def _leaves(node: Any, place: Place = (), field: Any = None) -> Iterator[tuple[Place, float, Any]]:
    """Numbers of nested maps, lists and sections: where, how large, and the section's field they are of."""
    if dataclasses.is_dataclass(node):
        for inner in dataclasses.fields(node):
            yield from _leaves(getattr(node, inner.name), (*place, inner.name), inner)
    elif isinstance(node, Mapping):
        for name, item in node.items():
            yield from _leaves(item, (*place, name), field)
    elif isinstance(node, list):
        for number, item in enumerate(node):
            yield from _leaves(item, (*place, number), field)
    elif isinstance(node, Real) and not isinstance(node, bool):
        yield place, float(node), field


def _or_why_not(found: Parameter) -> Parameter | Skipped:
    if found.key.endswith(".seed"):
        return Skipped(found.key, "a seed: larger is not more")
    if found.zero and "0 for never" in found.doc:
        return Skipped(found.key, "zero stands for never: the smallest number is another rule, not a small change")
    return found


def _kinds(hint: Any) -> set[Any]:
    """Types that a field takes; of lists and maps those inside."""
    inside = typing.get_args(hint)
    if typing.get_origin(hint) is dict:
        inside = inside[1:]  # names
    return set().union(*map(_kinds, inside)) if inside else {hint}
