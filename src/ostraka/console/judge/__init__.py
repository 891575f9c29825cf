"""The page of the LLM judge: is it up, how busy, what does it cost, what is kept of its answers.

It shows what `/metrics` tells, from the same meter, and the cache file; never a text or an answer.
"""
