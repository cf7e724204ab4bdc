"""The parts of the benchmark, which README.md lists from the ground up."""
