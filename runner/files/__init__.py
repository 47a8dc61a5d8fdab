"""Writes files: whole or not at all, private, and so that they outlive a power cut."""
