"""Conversation trees: people write prompts and replies, review them, and rank them.

A tree is a value. Acts (`acts`) return it changed, `advance` moves it through the table of
transitions (`states`) until none applies, `permissions` says who may do what in it, and `selection`
picks the next task by the same permissions. Nothing in here reads a clock, draws from a random
source of its own or keeps anything: moments and random sources come in as arguments.
"""
