"""The ground that kept things stand on: engine, sessions, base table, types, migrations.

Rooms own their tables (`access/tables.py`, …) and declare them on `tables.Base`; this room owns
none. The migrations of all rooms live here, because a database has one history.

Importing SQLAlchemy takes half a second. `location` and `ids` do without it, so that a server
that keeps nothing does not pay for it.
"""
