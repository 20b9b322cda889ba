"""Fine-tuning: all layers of a checkpoint, trained on a part of ImageNet."""
