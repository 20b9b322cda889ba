"""Jobs, the plan they make up, and how a job is run in processes of this machine. Knows no stage by name."""
