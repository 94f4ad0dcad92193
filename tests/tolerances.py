"""Every tolerance of the suite, in one table (the design's section 11.7)."""

#: dtype -> (rtol, atol) for forward passes, gradients and single steps. Float64's atol is for numbers near 0.
CLOSE = {"float64": (1e-10, 1e-13), "float32": (1e-5, 1e-6)}
FINITE_DIFFERENCES = 1e-6
FIFTY_STEPS = 1e-10
