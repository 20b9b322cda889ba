"""Jobs, the plan they make up, and the executors that run them. Knows no stage by name."""
