"""Will this model run on this machine, and how well? Asked of a file's header alone, before anything is downloaded."""
