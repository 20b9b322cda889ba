"""The accuracy of a pretrained classifier on clean validation images."""
