"""Robustness to other renditions and to naturally hard images."""
