"""The Pulumi program: the declarations under `models/` as Azure resources."""
