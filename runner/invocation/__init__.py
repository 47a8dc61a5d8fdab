"""What a call of a batch endpoint means, in every environment."""
