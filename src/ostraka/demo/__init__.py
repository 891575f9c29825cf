"""A living system for newcomers: content that we wrote, and two weeks of simulated work on it."""
