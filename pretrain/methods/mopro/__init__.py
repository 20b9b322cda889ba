"""MoPro (section 3 of the paper): its constants, its model, and what its noise correction does after pretraining."""
