"""Reads declared environments, which are the Python and the packages that a deployment, a job or a
model declares, and makes virtual environments of them on this machine."""
