"""Where tables rest: opening, writing and publishing DuckDB files. The only door to duckdb."""
