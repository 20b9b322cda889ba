"""Transfer of pretrained features to other tasks."""
