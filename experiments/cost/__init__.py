"""What the program itself costs, as ratios measured side by side: a benchmark, ``python run_all.py cost``."""
