"""The drift between two batch jobs: Azure's metrics, each beside the level that chance reaches."""
