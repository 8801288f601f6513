"""Remote data through fsspec: mirrored to local files, and published.

All other packages see local paths. `fetch` updates the mirror of an address, `publish` uploads
local changes, `local` does both around a command. They ignore paths that mirror nothing. fsspec
is imported on use, because most commands do not need it.
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
