"""Traps of padding."""
