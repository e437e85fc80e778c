"""A Redis-compatible datastore of your own: engine, managed layer, library."""
