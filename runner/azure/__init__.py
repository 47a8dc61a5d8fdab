"""What every platform on Azure needs: signing in, asking over HTTPS, saying what was refused."""
