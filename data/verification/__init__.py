"""Checks of whole data sets before anything is computed: folder structure, counts, classes, images that decode."""
