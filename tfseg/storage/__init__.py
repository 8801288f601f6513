"""Data that lies elsewhere, through fsspec: mirrored here, published there.

All other rooms see local paths. `fetch` makes the mirror of an address current, `publish` brings
what was made here to the address, `local` does both around a command. For a path that mirrors
nothing they do nothing. fsspec is imported on use, since most commands do without.
"""

from tfseg.storage.commands import local
from tfseg.storage.following import following
from tfseg.storage.mirror import fetch
from tfseg.storage.publish import publish
from tfseg.storage.run_upload import uploading
from tfseg.storage.shards import Ranged, is_away, open_shard

__all__ = [
    "Ranged",
    "fetch",
    "following",
    "is_away",
    "local",
    "open_shard",
    "publish",
    "uploading",
]
