"""The NumPy reference: the twins' results are checked against its own."""
