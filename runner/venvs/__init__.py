"""Declared environments: the Python and the packages that a deployment, a job or a model declares,
and the virtual environments that are made of them on this machine."""
