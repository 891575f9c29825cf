"""Ostraka's moderation queue as an OpenEnv environment."""
