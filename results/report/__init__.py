"""The report: one HTML page that needs nothing else, made from the records of a reproduction."""
