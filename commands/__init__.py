"""What `run_all.py` can be told to do: reproduce (without a word), evaluate, status, cancel, verify."""
