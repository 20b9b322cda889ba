"""The miniature: a small world of real images, written in the on-disk layouts of the real data sets."""
