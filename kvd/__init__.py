"""A Redis-compatible datastore of your own: engine, managed layer, library."""
__version__ = "0.1.0"
