"""The moderation queue as an environment: episodes, reward, agents and the checks that hold it.

An episode is a function of task, split, seed and generator version. What the right decision is was
computed by the policy engine from the facts that the generator chose, never attached to a text.
"""
