"""Engines beside the twins: forward passes alone, on the chart and in a section of their own."""
