"""The `kvd` command: every verb as a person types it. It speaks to the agent's API only."""
