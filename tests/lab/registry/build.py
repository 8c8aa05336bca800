"""Makes Harbor Lane's images and what is said of their software.

    python build.py FOLDER [--npm NPM]

FOLDER holds what `base.sh` made. Written into it: `layout/`, the images (an OCI image layout); `truth/`, what
dpkg-query, pip and npm say of the software of each; `feeds/`, invented advisories on just that software. It takes the
package registries of Python and Node.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import feeds  # noqa: E402
from layout import Layout  # noqa: E402

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Old and small, every one named, so that the same ones come every time.
PYTHON = ["requests==2.25.1", "urllib3==1.26.5", "idna==2.10", "chardet==4.0.0", "certifi==2021.5.30"]
NODE = ["minimist@1.2.5", "mkdirp@0.5.5"]
CAREFUL_NODE = ["mkdirp@1.0.4"]
BASES = {"base-2025-01": "2025-01-15T08:00:00Z", "base-2025-06": "2025-06-16T08:00:00Z"}


def run(*words, **more):
    settings = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, env=settings, **more).stdout


class Builder:
    def __init__(self, folder, npm):
        self.folder, self.npm = folder, npm
        for name in ("layout", "truth", "feeds", "work"):
            shutil.rmtree(folder / name, ignore_errors=True)
        (folder / "truth").mkdir()
        self.layout = Layout(folder / "layout")
        self.dpkg = {name: self.installed(name) for name in BASES}
        self.base = {name: self.base_layer(name) for name in BASES}

    def base_layer(self, base):
        data = (self.folder / f"{base}.tar.gz").read_bytes()
        return self.layout.packed_layer("/bin/sh -c #(nop) ADD file:rootfs in / ", data)

    def folder_layer(self, created_by, folder, path):
        return self.layout.layer(created_by, folders=[(folder, path)])

    def installed(self, base):
        lines = (self.folder / f"{base}.dpkg").read_text().splitlines()
        return sorted(line.split("\t") for line in lines)

    def python_packages(self):
        """A folder as `pip install` leaves it, and what pip says is in it."""
        at = self.folder / "work" / "python"
        pip = [sys.executable, "-m", "pip"]
        run(*pip, "install", "--quiet", "--no-deps", "--no-compile", "--target", str(at), *PYTHON)
        listed = json.loads(run(*pip, "list", "--path", str(at), "--format", "json"))
        return at, sorted([one["name"], one["version"]] for one in listed)

    def node_packages(self, name, packages):
        """A folder as `npm install` leaves it, and what npm says is in it."""
        at = self.folder / "work" / name
        at.mkdir(parents=True)
        (at / "package.json").write_text(json.dumps({"name": name, "version": "1.0.0", "private": True}))
        run(self.npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", *packages, cwd=at)
        tree = json.loads(run(self.npm, "ls", "--all", "--json", cwd=at))
        return at, sorted(map(list, node_tree(tree)))

    def truth(self, name, base, python=(), node=()):
        told = {"dpkg": self.dpkg[base], "pip": list(python), "npm": list(node)}
        (self.folder / "truth" / f"{name}.json").write_text(json.dumps(told, indent=1))

    def bases(self):
        for name, created in BASES.items():
            config = {"Env": [PATH], "Cmd": ["/bin/bash"]}
            self.layout.name(name, self.layout.image([self.base[name]], config, created))
            self.truth(name, name)

    def checkout(self, python, node):
        """The careless one, on the older base; and the same moved to the newer one."""
        layers = [
            self.folder_layer("RUN pip install --target /srv/checkout/python", python[0], "srv/checkout/python"),
            self.folder_layer("ADD node /srv/checkout/node", node[0], "srv/checkout/node"),
            self.layout.layer("RUN apt-get update", [("var/lib/apt/lists/deb.example.net_Packages", 0o644, b"")]),
            self.layout.layer("COPY refund /usr/local/bin/refund", [("usr/local/bin/refund", 0o4755, b"#!/bin/sh\n")]),
        ]
        config = {
            "Env": [PATH, "PAYMENTS_DB_PASSWORD=ferry-lantern-7719"],
            "Cmd": ["/srv/checkout/start"],
            "WorkingDir": "/srv/checkout",
        }
        for name, base in (("checkout", "base-2025-01"), ("checkout-moved", "base-2025-06")):
            image = self.layout.image(
                [self.base[base], *layers], config, "2025-02-03T09:30:00Z", steps=["ENV PAYMENTS_DB_PASSWORD"]
            )
            self.layout.name(name, image)
            self.truth(name, base, python[1], node[1])

    def ledger(self, node):
        """The careful one, on the newer base."""
        base = "base-2025-06"
        layers = [self.base[base], self.folder_layer("COPY node /srv/ledger", node[0], "srv/ledger")]
        config = {
            "User": "10001:10001",
            "Env": [PATH],
            "Cmd": ["/srv/ledger/start"],
            "Healthcheck": {"Test": ["CMD", "/srv/ledger/health"], "Interval": 30_000_000_000},
            "Labels": {
                "org.opencontainers.image.title": "ledger",
                "org.opencontainers.image.version": "2.1.0",
                "org.opencontainers.image.source": "https://git.harborlane.example/ledger",
            },
        }
        steps = ["USER 10001:10001", "HEALTHCHECK CMD /srv/ledger/health"]
        self.layout.name("ledger", self.layout.image(layers, config, "2025-06-20T07:15:00Z", steps=steps))
        self.truth("ledger", base, node=node[1])

    def courier(self, node):
        """One for two platforms, whose layers are the same and whose configurations are not."""
        base = "base-2025-01"
        layers = [self.base[base], self.folder_layer("ADD node /srv/checkout/node", node[0], "srv/checkout/node")]
        config = {"User": "10002", "Env": [PATH], "Cmd": ["/srv/courier/start"]}
        made = "2025-03-12T16:45:00Z"
        images = [self.layout.image(layers, config, made, architecture) for architecture in ("amd64", "arm64")]
        self.layout.name("courier", self.layout.index(images))
        self.truth("courier", base, node=node[1])

    def all(self):
        python, node = self.python_packages(), self.node_packages("checkout", NODE)
        self.bases()
        self.checkout(python, node)
        self.ledger(self.node_packages("ledger", CAREFUL_NODE))
        self.courier(node)
        self.layout.finish()
        feeds.write(self.folder / "feeds", self.dpkg["base-2025-01"])
        shutil.rmtree(self.folder / "work")


def node_tree(tree):
    """Each package of what `npm ls` says, once."""
    found = set()
    for name, one in tree.get("dependencies", {}).items():
        found.add((name, one["version"]))
        found |= node_tree(one)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--npm", default="npm")
    args = parser.parse_args()
    Builder(args.folder.resolve(), args.npm).all()


if __name__ == "__main__":
    main()
