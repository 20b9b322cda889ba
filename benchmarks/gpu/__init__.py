"""What this suite does on a GPU: how fast, how much of the card, and whether with the same results as on a CPU."""
