"""From the archives as which a data set is published to the folder that its reader takes."""
