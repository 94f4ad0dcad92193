"""Traps: what goes wrong in silence when a recurrent network is ported, each as code that runs on both twins."""
