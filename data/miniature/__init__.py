"""The miniature: a small world of real images, written in the folder structures of the real data sets."""
