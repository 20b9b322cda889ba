"""What `run_all.py` can be told to do: reproduce (without a subcommand), evaluate, status, cancel, verify."""
