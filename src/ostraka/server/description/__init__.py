"""What the service offers, as data: one table of operations, of which the OpenAPI document at
`/openapi.json` and the reference page at `/docs` are made.

The busy doors read and write plain dictionaries, for their errors must be the vendors' own to the
letter. The structs here state what those dictionaries hold; the tests decode real answers with
them, strictly, and a fuzzer holds the server against the document.
"""
