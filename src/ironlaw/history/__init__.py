"""A folder of recordings as a history: a Parquet catalogue beside them, DuckDB to ask it, trends with change points."""
