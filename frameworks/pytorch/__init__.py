"""The twin in PyTorch."""
