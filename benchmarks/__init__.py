"""What is fast, measured beside other frameworks in one run. `python -m benchmarks.NAME`."""
