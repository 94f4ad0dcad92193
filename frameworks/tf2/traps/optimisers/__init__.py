"""Traps of optimisers."""
