"""Cross-entropy: the baseline of the paper."""
