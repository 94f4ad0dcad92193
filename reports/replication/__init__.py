"""A study's claims frozen into a bundle, and judged by the same study with other seeds."""
