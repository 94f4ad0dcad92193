"""The twin in TensorFlow 2 (Keras 3)."""
