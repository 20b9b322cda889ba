"""ImageNet, and any clean images in folders of classes."""
