"""The data sets that ship, a folder each: light declaration (``spec``), reader, and what ``verify`` looks at."""
