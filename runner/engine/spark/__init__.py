"""The engine's second pool: one Spark session that scores the parts of a job in waves."""
