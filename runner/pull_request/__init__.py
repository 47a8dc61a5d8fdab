"""Finds, fetches, compares and tells what a pull request changes of the models scored."""
