"""What is fast, measured beside other frameworks: `python -m benchmarks`; README.md lists all."""
