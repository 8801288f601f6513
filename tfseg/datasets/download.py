"""Downloads raw data sets whose licences permit it, and checks them."""

import os
import shutil
import subprocess
from pathlib import Path

from tfseg.errors import UserError, require


def download(spec, folder):
    """Downloads the data set of a `DatasetSpec` into `folder`; returns its raw folder.

    `folder` is `downloads/<name>` by default; if it exists, nothing is fetched. Raises `UserError`
    if fetching fails, and for a data set that must be downloaded by hand, with instructions.
    """
    if spec.download is None:
        raise UserError(f"--download: {spec.name} must be downloaded by hand: {spec.where}")
    folder = Path(folder or Path("downloads", spec.name))
    partial = folder.with_name(f".{folder.name}.partial")
    if not folder.exists():
        partial.mkdir(parents=True, exist_ok=True)
        spec.download(partial)
        os.replace(partial, folder)
    return folder


def fetch_archives(folder, listing, names):
    """Fetches and unpacks archives whose address and checksum tensorflow-datasets knows.

    `listing` is its file of addresses ("voc"), `names` are the archives.
    """
    require("--download of this data set", "tensorflow_datasets", "download")
    from tensorflow_datasets.core.download import checksums
    from tensorflow_datasets.core.utils import tfds_path

    known = checksums.load_url_infos(tfds_path() / "url_checksums" / f"{listing}.txt")
    addresses = {info.filename: address for address, info in known.items()}
    paths = _fetch(folder / "archives", {name: addresses[name] for name in names}, known)
    for name, path in paths.items():
        unpack(path, folder, name)
    shutil.rmtree(folder / "archives")


def _fetch(folder, addresses, known):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    manager = tfds.download.DownloadManager(
        download_dir=folder, url_infos=known, force_checksums_validation=True
    )
    try:
        return manager.download(addresses)
    except (OSError, tfds.download.DownloadError, NonMatchingChecksumError) as error:
        names = ", ".join(addresses)
        raise UserError(f"could not fetch {names}: {_one_line(error)}") from None


def unpack(archive, folder, name):
    """Unpacks a .zip or .tar archive; the extension of `name` tells which."""
    kind = "zip" if name.endswith(".zip") else "tar"
    try:
        shutil.unpack_archive(archive, folder, kind, filter=None if kind == "zip" else "data")
    except (shutil.ReadError, OSError, ValueError) as error:
        raise UserError(f"{archive} cannot be unpacked: {_one_line(error)}") from None


def fetch_commit(folder, repository, commit):
    """Fetches the files of one commit of a git repository (an address) into `folder`."""
    for command in (
        ["init", "--quiet"],
        ["fetch", "--quiet", "--depth=1", repository, commit],
        ["-c", "advice.detachedHead=false", "checkout", "--quiet", "FETCH_HEAD"],
    ):
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *command], capture_output=True, text=True
            )
        except FileNotFoundError:
            raise UserError("--download needs git, which is not installed here") from None
        if done.returncode:
            reason = _one_line(done.stderr)
            raise UserError(f"could not fetch {repository} at {commit[:12]}: {reason}")
    shutil.rmtree(folder / ".git")


def _one_line(error):
    return " ".join(str(error).split())[:200]
