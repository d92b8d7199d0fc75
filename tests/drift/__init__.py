"""The drift bench: what becomes of answers when a form changes, in scenarios that any tool can be put through.

A scenario is a file of tests/golden/drift/. Who is put through them is tests/flow/ (ours) and tests/bench/ (others
too).
"""
