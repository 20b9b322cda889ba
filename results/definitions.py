"""What tables call things, and what is printed where there is no figure."""

# What is printed where there is no figure of ours.
NOT_RUN = "not run"
NOT_MEASURED = "not measured"  # what was run has no such figure
NOT_APPLICABLE = "not applicable"
PUBLISHED_ONLY = "published only"
