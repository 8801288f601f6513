"""Speed compared with other frameworks: `python -m benchmarks`; docs/benchmarks.md lists all."""
