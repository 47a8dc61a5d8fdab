"""Pulumi stacks: what they exported, what they would make, and how they are deployed."""
