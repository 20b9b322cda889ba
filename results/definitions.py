"""What tables call things, and what stands where there is no figure."""

# What stands where there is no figure of ours.
NOT_RUN = "not run"
NOT_MEASURED = "not measured"  # what was run has no such figure
NOT_APPLICABLE = "not applicable"
PUBLISHED_ONLY = "published only"
