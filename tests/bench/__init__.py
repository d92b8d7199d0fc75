"""How fast harmonizing is, beside the practical limit and pandas: `make bench`. No test, and never timed by one."""
