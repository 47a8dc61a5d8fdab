"""What a pull request does to the models that are scored: found, fetched, compared and told."""
