"""The engine of online scoring: deployments that answer requests, and the server before them.

It knows no command line, no registry and no cloud: what it serves, it is told by `plan`.
"""
