"""Job queues, caches and tools as people run them, unmodified, against a served engine.

`make ecosystem` installs what it can (PyPI, npm) and runs all of it; docs/hacking.md has the rest.
A test that misses a tool is skipped, and its reason names the tool and where it comes from.
"""
