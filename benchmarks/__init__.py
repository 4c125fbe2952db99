"""How fast the engine is, against what a skilled user would write: see README.md. Run with ``python -m benchmarks``."""
