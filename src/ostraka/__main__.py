"""`python -m ostraka` is the `ostraka` command."""

from ostraka.cli.main import main

main()
