"""A folder of recordings as a history: a Parquet catalogue, queries by DuckDB, and trends with change points."""
