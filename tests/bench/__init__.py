"""How fast the core is, beside practical limits and others: `make bench`. No test, and never timed by one."""
