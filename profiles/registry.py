"""What ships, one tuple for each kind, each entry declared where it lies; light to import."""

from pretrain.methods.registry import METHODS as METHODS
