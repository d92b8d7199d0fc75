"""The stand-in KoboToolbox server and the synthetic answers of `make run`.

How a real server is read belongs to sources/.
"""
