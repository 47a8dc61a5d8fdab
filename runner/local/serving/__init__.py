"""The engine of online scoring: deployments that answer requests, and the server before them.

It knows no command line, no registry and no cloud: a `plan` says what it serves.
"""
