"""Data sets of some of ImageNet's classes: ImageNet-R and ImageNet-A."""
