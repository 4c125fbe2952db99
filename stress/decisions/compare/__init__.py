"""Runs against a first one, path by path."""

from stress.decisions.compare.run import compare_runs, compare_sweep

__all__ = ["compare_runs", "compare_sweep"]
