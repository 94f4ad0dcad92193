"""Traps of initial weights."""
