"""Commands on a Ray cluster. Ray places and restarts processes; this room defines their work.

Every machine of the cluster has this package and sees the same files under the same paths; each
process works in the folder in which the command was given. Only this room imports Ray.
"""
