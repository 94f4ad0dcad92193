"""Traps that cost time."""
