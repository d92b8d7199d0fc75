"""Say to Dagster what the rooms do: assets, checks, schedules. The only door to dagster.

steps.py is what an asset does, without Dagster; the other modules only wrap it. No logic of a room belongs here.
"""
