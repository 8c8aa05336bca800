"""A real registry with Harbor Lane's images: Debian's docker-registry on loopback, with TLS by an authority of its own
and passwords by htpasswd.

    python server.py IMAGES FOLDER [--port N] [--leave-out REPOSITORY:TAG ...]

IMAGES is what `build.py` made; FOLDER, which is to be empty, gets everything that this registry writes. Prints one JSON
line once the images are in it: how to reach it and where its log is. The process itself becomes the registry, and ends
with the one that started it.
"""

import argparse
import ctypes
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

# Image of the layout → the names that it gets in the registry.
PLACES = {
    "base-2025-01": ["base:2025-01"],
    "base-2025-06": ["base:2025-06"],
    "checkout": ["shop/checkout:1.0.0", "shop/checkout:latest"],
    "ledger": ["shop/ledger:2.1.0"],
    "courier": ["shop/courier:1.4.0"],
}
USER, PASSWORD = "plumbline", "harbour-bell-31"
DIE_WITH_PARENT = 1


def run(*words, **more):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    if done.returncode:
        raise SystemExit(f"{' '.join(words[:2])}: {done.stderr.decode()}")
    return done.stdout


def certify(folder):
    """An authority, and a certificate by it for the loopback address."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    authority = ["req", "-x509", *key, "-subj", "/CN=Harbor Lane lab", "-keyout", "ca.key", "-out", "ca.crt"]
    run("openssl", *authority, cwd=folder)
    request = ["req", *key[:-2], "-subj", "/CN=registry.harborlane.example", "-keyout", "tls.key", "-out", "tls.csr"]
    run("openssl", *request, cwd=folder)
    (folder / "tls.ext").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", "tls.ext"]
    run("openssl", "x509", "-req", "-in", "tls.csr", *signing, "-out", "tls.crt", cwd=folder)


def free_port(wanted):
    for port in (wanted, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return listener.getsockname()[1]
    raise SystemExit("no free port")


def configure(folder, host):
    certify(folder)
    (folder / "passwords").write_bytes(run("htpasswd", "-Bbn", "-C5", USER, PASSWORD))
    settings = {
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": host, "tls": {"certificate": str(folder / "tls.crt"), "key": str(folder / "tls.key")}},
        "auth": {"htpasswd": {"realm": "Harbor Lane", "path": str(folder / "passwords")}},
    }
    # YAML contains JSON.
    (folder / "config.yml").write_text(json.dumps(settings))
    (folder / "certs").mkdir()
    (folder / "certs" / "ca.crt").write_bytes((folder / "ca.crt").read_bytes())


def wait_for(host, folder):
    trust = ssl.create_default_context(cafile=folder / "ca.crt")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    for _ in range(100):
        try:
            opener.open(f"https://{host}/v2/")
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"docker-registry does not answer: {(folder / 'log').read_text()[-2000:]}")


def push(images, folder, host, left_out):
    for image, places in PLACES.items():
        for place in (place for place in places if place not in left_out):
            run(
                *["skopeo", "copy", "--quiet", "--all", "--preserve-digests"],
                *["--dest-cert-dir", str(folder / "certs"), "--dest-creds", f"{USER}:{PASSWORD}"],
                *[f"oci:{images / 'layout'}:{image}", f"docker://{host}/{place}"],
            )


def digests(images, host):
    """What runs as which image: a place with its tag, and the same by digest. Only what is built for one platform."""
    index = json.loads((images / "layout" / "index.json").read_text())
    one = {m["annotations"]["org.opencontainers.image.ref.name"]: m for m in index["manifests"] if "manifest" in m["mediaType"]}
    places = [(place, one[image]["digest"]) for image, tags in PLACES.items() if image in one for place in tags]
    return {f"{host}/{place}": f"{host}/{place.split(':')[0]}@{digest}" for place, digest in places}


def describe(images, folder, host):
    return {
        "host": host,
        "ca": (folder / "ca.crt").read_text(),
        "user": USER,
        "password": PASSWORD,
        "images": str(images),
        "digests": digests(images, host),
        "feeds": str(images / "feeds"),
        "certificates": str(folder / "certs"),
        "log": str(folder / "log"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--leave-out", action="append", default=[])
    args = parser.parse_args()
    images, folder = args.images.resolve(), args.folder.resolve()
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    host = f"127.0.0.1:{free_port(args.port)}"
    configure(folder, host)
    registry = os.getpid()
    # The one that fills the registry is the child, so that whoever started this holds the registry itself by its id.
    if os.fork() == 0:
        try:
            wait_for(host, folder)
            push(images, folder, host, args.leave_out)
            print(json.dumps(describe(images, folder, host)), flush=True)
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os.kill(registry, signal.SIGKILL)
        os._exit(0)
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.execvp("docker-registry", ["docker-registry", "serve", str(folder / "config.yml")])


if __name__ == "__main__":
    main()
