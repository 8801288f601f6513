"""The `test` command: figures of masks against labels, and their report.

Masks come from `prediction`, from exports in their own runtimes, or from a folder.
"""
