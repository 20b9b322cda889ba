"""COCO, and any data set that is annotated like it."""
