"""What every package builds on: errors, files, seeds, the stage contract. Knows nothing of images or methods."""
