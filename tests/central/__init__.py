"""A stand-in ODK Central server, and the tests of what speaks to one."""
