"""Traps of batches and their means."""
