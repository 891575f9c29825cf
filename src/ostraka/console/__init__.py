"""The console: pages for people, rendered on the server, usable without JavaScript.

`mount` puts the pages into an application whose state offers what `services.Services` asks for.
The command line composes the two, so that neither room knows the other.
"""
