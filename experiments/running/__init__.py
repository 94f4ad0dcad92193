"""Running jobs: worker processes, the executor, the display."""
