"""What a stack on Databricks declares; only such a stack imports it."""
