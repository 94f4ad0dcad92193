"""Traps of dropout."""
