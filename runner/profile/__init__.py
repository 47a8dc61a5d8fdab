"""The profile of a batch job: how the columns of its inputs and its predictions are distributed."""
