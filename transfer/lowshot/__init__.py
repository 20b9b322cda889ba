"""Low-shot classification: linear SVMs on frozen features of a few labelled images."""
