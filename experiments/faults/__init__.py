"""Faults on purpose: studies that are killed, stopped and cut off, beside one that is not."""
