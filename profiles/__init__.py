"""Profiles: what a reproduction consists of, as validated YAML, and its expansion into jobs."""
