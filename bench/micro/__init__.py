"""Measurements without a network: what a part of the engine costs by itself."""
