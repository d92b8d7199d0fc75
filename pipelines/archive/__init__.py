"""What was sent, for ever: revisions, cursor, delete guard, tombstones, form versions, decisions.

Nothing here knows what an answer means; that is harmonize/. Files of the archive are read through this room only, so
that encryption and erasure will have one seam.
"""
