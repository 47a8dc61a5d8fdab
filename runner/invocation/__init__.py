"""Resolves a call of a batch endpoint, by the same rules in every environment."""
