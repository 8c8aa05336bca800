"""Writes images as an OCI image layout: the same files give the same bytes, and so the same digests, every time."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class Layer:
    """A layer in the layout, with the command that is said to have made it."""

    digest: str
    size: int
    diff_id: str
    created_by: str



class Layout:
    """A folder of blobs, and the names of the images in it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.blobs = self.folder / "blobs" / "sha256"
        self.blobs.mkdir(parents=True, exist_ok=True)
        (self.folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
        self.named = []

    def blob(self, data):
        hex_digest = hashlib.sha256(data).hexdigest()
        (self.blobs / hex_digest).write_bytes(data)
        return "sha256:" + hex_digest

    def layer(self, created_by, files=(), folders=()):
        """A layer of single files (path, mode, bytes) and of folders (where they are, path in the image)."""
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path, mode, data in sorted(files):
                add(archive, path, mode, data)
            for origin, path in folders:
                add_folder(archive, Path(origin), path)
        return self.packed_layer(created_by, gzip.compress(raw.getvalue(), compresslevel=1, mtime=0))

    def packed_layer(self, created_by, data):
        diff_id = hashlib.sha256(gzip.decompress(data)).hexdigest()
        return Layer(self.blob(data), len(data), "sha256:" + diff_id, created_by)

    def image(self, layers, config, created, architecture="amd64", steps=()):
        """Writes an image; returns its descriptor. `steps` are the commands that made no layer, as they come last."""
        history = [{"created": created, "created_by": layer.created_by} for layer in layers]
        history += [{"created": created, "created_by": step, "empty_layer": True} for step in steps]
        platform = {"os": "linux", "architecture": architecture}
        whole = {
            "created": created,
            **platform,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": history,
        }
        data = encode(whole)
        listed = [{"mediaType": LAYER, "digest": layer.digest, "size": layer.size} for layer in layers]
        described = {"mediaType": CONFIG, "digest": self.blob(data), "size": len(data)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": listed}
        return {**self.document(MANIFEST, manifest), "platform": platform}

    def index(self, images):
        return self.document(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": images})

    def document(self, media_type, document):
        data = encode(document)
        return {"mediaType": media_type, "digest": self.blob(data), "size": len(data)}

    def name(self, name, descriptor):
        self.named.append({**descriptor, "annotations": {"org.opencontainers.image.ref.name": name}})

    def finish(self):
        whole = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.named}
        (self.folder / "index.json").write_bytes(encode(whole))


def encode(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def add(archive, path, mode, data):
    info = tarfile.TarInfo(path)
    info.mode, info.size = mode, len(data)
    archive.addfile(info, io.BytesIO(data))


def add_folder(archive, origin, path):
    for folder, folders, names in os.walk(origin):
        folders.sort()
        within = Path(path) / Path(folder).relative_to(origin)
        for name in sorted(names):
            file = Path(folder) / name
            if file.is_symlink():
                link = tarfile.TarInfo(str(within / name))
                link.type, link.linkname = tarfile.SYMTYPE, os.readlink(file)
                archive.addfile(link)
            else:
                add(archive, str(within / name), 0o755 if os.access(file, os.X_OK) else 0o644, file.read_bytes())
