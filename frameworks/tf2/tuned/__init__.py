"""The tuned form: backpropagation through time (Werbos 1990), written by hand."""
