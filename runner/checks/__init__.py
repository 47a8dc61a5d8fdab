"""Would this run on Azure? What can be known of it from what is declared and what lies beside it,
without running any of it: a file a family of findings, a function a finding."""
