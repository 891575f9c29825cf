"""`/api/…`: items, reports, appeals, policies, cases, decisions.

Handlers are imported with their first request; see `routes`.
"""
