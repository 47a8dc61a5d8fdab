"""A stand-in for Pulumi's plugin for Databricks, which no package registry has.

The engine finds it on PATH as `pulumi-resource-databricks`. It speaks the plugin protocol on one
side and Databricks' REST interface on the other, and keeps nothing itself.
"""
