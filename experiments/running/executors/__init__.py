"""Executors: they run jobs in worker processes, here or on a Ray cluster. ``study.phase`` has their contract."""
