"""Readers of the data sets in their published folder structures, views of images, loading, and the miniature."""
