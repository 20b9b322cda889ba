"""What a method has learned by heart: its training once more, watched from outside."""
