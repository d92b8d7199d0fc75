"""From archived documents to typed tables: SQL compiled from the Forms and the crosswalk, and the ledger of answers.

What an answer ought to be is quality/; here every answer only finds its place, or is quarantined with a reason.
"""
