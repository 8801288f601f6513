"""Commands on a Ray cluster. Ray places processes and starts them again; we say what one does.

Every machine of the cluster has this package and sees the same files under the same paths; each
process works in the folder in which the command was given. Ray is imported here alone.
"""
