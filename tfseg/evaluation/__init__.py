"""The `test` command: metrics of masks against labels, and the report.

Masks come from `prediction`, from exports run in their own runtimes, or from a folder.
"""
