"""Two versions of a model, compared by what they answer for the same rows."""
