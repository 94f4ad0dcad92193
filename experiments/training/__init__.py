"""Training one trial."""
