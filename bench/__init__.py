"""Measurements against Valkey and Redis: one question a file, the yardstick in the same run."""
