"""The figures of evaluations, as pure functions of what was computed for every image; NumPy and SciPy alone."""
