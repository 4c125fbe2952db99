"""Units of swept keys, as pictures print them: those of the schema."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from stress.config.schema import Config
from stress.report.sweep_load import UNITS, with_unit


@pytest.mark.parametrize("key", UNITS)
def test_units_are_those_of_the_schema(key: str) -> None:
    section, name = key.split(".")
    kind = typing.get_type_hints(Config)[section]
    (unit,) = [field.metadata["unit"] for field in dataclasses.fields(kind) if field.name == name]
    assert UNITS[key] == unit.replace("sqrt(year)", "√year")


def test_a_unit_is_said_once() -> None:
    assert with_unit("protocol.insurance_fund") == "protocol.insurance_fund (USD)"
    assert with_unit("protocol.insurance_fund", "insurance_fund") == "insurance_fund (USD)"
    assert with_unit("protocol.oracle.lag_seconds") == "protocol.oracle.lag_seconds"
