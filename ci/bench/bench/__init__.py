"""The benchmark's parts, from the ground up: config, machine, measure, units, pinning, peers,
answers, contestants, suites, stubs, scale, report. Each imports only from those before it."""
