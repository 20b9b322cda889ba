"""What tables call things, and what is printed where there is no figure."""

CLAIMS, SINGLE_FIGURES, GAIN = TABLES_OF_CLAIMS = ("claims", "single-figures", "gain")  # names, also of their files
METHOD, SET = ROW_HEADINGS = ("Method", "Pretraining set")  # of the columns that say what a row is of

# What is printed where there is no figure of ours.
NOT_RUN = "not run"
NO_DATA = "no data"  # not run, as there is nothing to run it on
NOT_MEASURED = "not measured"  # what was run has no such figure
NOT_APPLICABLE = "not applicable"
PUBLISHED_ONLY = "published only"
