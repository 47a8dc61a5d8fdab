"""The resources of a stack on Databricks; only such a stack imports them."""
