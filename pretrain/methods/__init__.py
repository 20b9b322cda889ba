"""Ways to pretrain an encoder: what one is asked for, those that ship, and a user's own in a file."""
