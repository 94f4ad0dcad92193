"""Measurements beside the trials: gradient norms, sources' calls, texts from both twins."""
