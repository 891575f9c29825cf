"""Signing in and out, people and their keys, and everybody's own settings."""
