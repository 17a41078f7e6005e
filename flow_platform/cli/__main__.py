"""`python -m flow_platform.cli` is the `flow` command."""

from flow_platform.cli.app import main

main()
