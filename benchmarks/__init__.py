"""Side-by-side measurements: ours against a plain reference, as a ratio in one run."""
