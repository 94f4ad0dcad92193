"""What was timed: variants with their figures and ratios, grouped into benchmarks."""
