"""Checks of whole data sets before anything is computed with them: layout, counts, classes, images that decode."""
