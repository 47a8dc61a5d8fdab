"""What every workspace shares about jobs: their kinds, folders, addresses, inputs and results."""
