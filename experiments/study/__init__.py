"""A study: TOML → experiments → what is to be run."""
