"""How an answer moves: from a server, through the archive, to the cluster's tables and products.

Each folder is a room with one task; the order of the rooms, and who may import whom, is held by tests/house/.
"""
