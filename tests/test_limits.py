"""Gates: the verdict follows the interval, not the estimate."""

from __future__ import annotations

import math

import pytest

from stress.errors import UserError
from stress.mc.limits import MET, UNDECIDED, VIOLATED, check_limits, judge


def metric(estimate, low, high, **more):
    return {"estimate": estimate, "low": low, "high": high, "confidence": 0.95, "method": "m", "unit": "USD",
            "n": 9} | more


METRICS = {
    "depletion_probability": metric(0.02, 0.01, 0.03),
    "required_fund_999": metric(5.0, 4.0, None, reason="too few paths"),
    "amplification": metric(None, None, None, reason="the run has no twin"),
}


@pytest.mark.parametrize("limit, outcome", [
    (0.009, VIOLATED), (0.01, UNDECIDED), (0.015, UNDECIDED), (0.025, UNDECIDED), (0.03, MET), (0.04, MET)])
def test_verdict_of_an_interval(limit, outcome):
    (verdict,) = judge({"depletion_probability": limit}, METRICS)
    assert (verdict.metric, verdict.limit, verdict.outcome) == ("depletion_probability", limit, outcome)
    assert (verdict.estimate, verdict.low, verdict.high, verdict.reason) == (0.02, 0.01, 0.03, None)
    assert outcome in str(verdict) and "0.02" in str(verdict)


def test_an_unbounded_interval_can_violate_but_never_meet():
    assert judge({"required_fund_999": 3.0}, METRICS)[0].outcome == VIOLATED
    (verdict,) = judge({"required_fund_999": 1e12}, METRICS)
    assert (verdict.outcome, verdict.reason) == (UNDECIDED, "too few paths")
    assert "unbounded" in str(verdict)


def test_an_undefined_metric_is_undecided():
    (verdict,) = judge({"amplification": 2.0}, METRICS)
    assert (verdict.outcome, verdict.reason) == (UNDECIDED, "the run has no twin")


def test_null_is_no_limit_and_order_is_kept():
    limits = {"required_fund_999": 3.0, "amplification": None, "depletion_probability": 1.0}
    assert [v.metric for v in judge(limits, METRICS)] == ["required_fund_999", "depletion_probability"]
    assert judge({}, METRICS) == []


@pytest.mark.parametrize("call", [check_limits, lambda limits: judge(limits, METRICS)])
def test_a_wrong_limit_is_refused(call):
    with pytest.raises(UserError, match=r"limits\.depletion_probabilty.*Did you mean limits\.depletion_probability\?"):
        call({"depletion_probabilty": 0.1})
    with pytest.raises(UserError, match=r"limits\.bad_debt.*nan"):
        call({"bad_debt": math.nan})
    with pytest.raises(UserError, match="unknown key"):  # whatever its value
        call({"nonsense": None})
