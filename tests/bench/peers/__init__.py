"""Other tools that fetch from Kobo, put through the drift bench: an environment of its own for each, and a script.

A script runs under the tool's own Python and imports nothing of ours. It is told the server's address, the token and
the assets, and prints what the tool made of each, as JSON: {asset: {"rows": [[table, _id, [[column, value], …]], …],
"error": "…"}}. It uses the tool as its own documentation does, and mends nothing.
"""
