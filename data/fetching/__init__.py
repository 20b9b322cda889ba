"""Published files, from where they are published to where they are to lie; nothing keeps its name that is not right."""
