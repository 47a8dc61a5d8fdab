"""Checks whether what is declared would run on Azure, from the declarations and the files beside
them, without running any of it. A module has a family of findings, and a function a finding."""
