"""The speed phase: what is timed, in which processes, by which rules."""
