"""The parts that every platform on Azure needs: signing in, HTTPS requests, and their errors."""
