"""Places205."""
