"""The shapes page's drawings."""
