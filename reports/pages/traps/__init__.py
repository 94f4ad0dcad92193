"""The traps page."""
