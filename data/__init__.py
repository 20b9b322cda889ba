"""Readers of the data sets in their published on-disk layouts, views of images, loading, and the miniature."""
