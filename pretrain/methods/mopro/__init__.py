"""MoPro (section 3 of the paper): its hyperparameters, its model, and its noise correction after pretraining."""
