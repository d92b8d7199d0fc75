"""Speak to KoboToolbox and read export files: what is out there, brought to the archive. The only door to urllib3."""
