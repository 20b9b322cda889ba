"""Pretraining: backbone, MoPro, the cross-entropy baseline, the training loop, checkpoints, classifier accuracy."""
