"""The neutral half of rnn-twins: NumPy and plain Python, and no framework."""

__version__ = "0.1.0"
