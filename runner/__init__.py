"""Score batches of data with models, on this machine or on Azure Machine Learning."""

__version__ = "0.1.0"
