"""Webhooks: where events go, what became of each, and the dead letters."""
