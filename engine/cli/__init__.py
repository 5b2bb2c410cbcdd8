"""The command line; every command is a thin shell over the engine or over one that runs already."""
