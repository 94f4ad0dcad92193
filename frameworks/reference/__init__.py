"""The reference in NumPy: the truth the twins are held to."""
