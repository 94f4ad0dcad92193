"""Traps of layers."""
