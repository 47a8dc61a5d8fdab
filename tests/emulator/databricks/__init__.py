"""A stand-in for Azure Databricks: a workspace's REST interface, over the cloud's real HTTPS."""
