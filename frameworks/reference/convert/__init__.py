"""Canonical weights and an outline, run in NumPy: what conversions are checked against."""
