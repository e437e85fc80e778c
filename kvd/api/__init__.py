"""The agent's API over HTTP: Render's paths and shapes, and our own beside them."""
