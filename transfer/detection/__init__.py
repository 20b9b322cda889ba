"""Detection and instance segmentation on COCO: Mask R-CNN from a checkpoint."""
