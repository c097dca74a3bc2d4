"""One module a command (or group): typer functions that `vaxel.__main__` registers. They import stages when called."""
