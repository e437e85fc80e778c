"""The agent: one process that starts, watches and changes the engines of an installation."""
