"""How far two batch jobs lie apart: Azure's metrics of drift, each beside what chance does."""
