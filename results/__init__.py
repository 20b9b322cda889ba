"""Records of finished jobs, the published figures, claims and tables. Never imports torch."""
