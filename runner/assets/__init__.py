"""What every workspace shares about assets: their kinds, rules, content and registration."""
