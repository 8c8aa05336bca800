"""The stand-in AWS: moto's server, with the few things its own API cannot express.

Real accounts have old keys, a root user and a short list of enabled regions. moto stamps everything "now", leaves the root
user out of the credential report and enables every region, so `/lab/*` sets those. Everything else is moto's own answer.

    python server.py [--port N] [--regions eu-west-1,us-east-1]

Prints one JSON line with the endpoint once it listens. Stops when its parent does.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

# The clone stays clean: no compiled copies beside the sources.
sys.dont_write_bytecode = True

# Before moto is imported: never reach for a container engine, and keep the stock machine images out of every region.
os.environ["DOCKER_HOST"] = "tcp://127.0.0.1:9"
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

from moto.core.config import default_user_config  # noqa: E402
from moto.core.responses import ActionResult  # noqa: E402
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend  # noqa: E402
from moto.ec2.responses.availability_zones_and_regions import AvailabilityZonesAndRegions  # noqa: E402
from moto.iam.models import AccessKeyLastUsed, IAMBackend, iam_backends  # noqa: E402
from moto.kms.models import KmsBackend  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server  # noqa: E402
from werkzeug.wrappers import Request, Response  # noqa: E402

from answers import Answers  # noqa: E402
from cloudwatch import CloudWatch  # noqa: E402

STAMP = "%Y-%m-%dT%H:%M:%S+00:00"
ROOT_USERS: dict[str, dict] = {}


def days_ago(days):
    return datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0) - timedelta(days=days)


def backdate(account, user, created_days=None, password_used_days=None, keys=()):
    """Ages a user, its password's last use and its access keys: `keys` holds {id, created_days, used_days or null}."""
    found = iam_backends[account]["aws"].get_user(user)
    if created_days is not None:
        found.create_date = days_ago(created_days)
    if password_used_days is not None:
        found.password_last_used = days_ago(password_used_days)
    for wanted in keys:
        key = next(k for k in found.access_keys if k.access_key_id == wanted["id"])
        key.create_date = days_ago(wanted["created_days"])
        used = wanted.get("used_days")
        key.last_used = None if used is None else AccessKeyLastUsed(days_ago(used), "s3", "us-east-1")


def set_root(account, mfa, key=False, password_used_days=400):
    """Says how the root user of an account is protected."""
    ROOT_USERS[account] = {"mfa": mfa, "key": key, "password_used_days": password_used_days}
    summary = iam_backends[account]["aws"].account_summary
    summary._account_mfa_enabled = int(mfa)
    summary._account_access_keys_present = int(key)


def root_row(account):
    root = ROOT_USERS.get(account, {"mfa": False, "key": False, "password_used_days": 400})
    made, used = days_ago(1500).strftime(STAMP), days_ago(root["password_used_days"]).strftime(STAMP)
    flag = lambda value: "true" if value else "false"  # noqa: E731
    key = [flag(root["key"]), made if root["key"] else "N/A", "N/A", "N/A", "N/A"]
    no_key = ["false", "N/A", "N/A", "N/A", "N/A"]
    fields = ["<root_account>", f"arn:aws:iam::{account}:root", made, "not_supported", used, "not_supported"]
    fields += ["not_supported", flag(root["mfa"]), *key, *no_key, "false", "N/A", "false", "N/A"]
    return ",".join(fields) + "\n"


def report_with_root(original):
    def report(self):
        header, _, users = original(self).partition("\n")
        return header + "\n" + root_row(self.account_id) + users

    return report


def owned_by_provider(original):
    """The keys that services make for themselves belong to the provider and rotate; moto calls them the customer's."""

    def create_key(self, policy, key_usage, key_spec, description, *rest, **named):
        key = original(self, policy, key_usage, key_spec, description, *rest, **named)
        if (description or "").startswith(("Default key", "Default master key")):
            key.key_manager = "AWS"
            key.key_rotation_status = True
        return key

    return create_key


def describe_regions(self):
    """moto lists every region of every partition whatever is asked; an account sees its own partition's enabled ones."""
    wanted = self._get_param("RegionNames", [])
    everything = self._get_bool_param("AllRegions", False)
    shown = [
        region
        for region in RegionsAndZonesBackend.regions
        if not region.name.startswith(("cn-", "us-gov-"))
        and (region.name in wanted if wanted else everything or region.opt_in_status != "not-opted-in")
    ]
    return ActionResult({"Regions": shown})


def enable_only(regions):
    for region in RegionsAndZonesBackend.regions:
        region.opt_in_status = "opt-in-not-required" if region.name in regions else "not-opted-in"


ROUTES = {"/lab/backdate": backdate, "/lab/root": set_root}


class Lab:
    """Answers /lab/*, hands everything else to moto."""

    def __init__(self, moto):
        self.moto = moto

    def __call__(self, environ, start_response):
        action = ROUTES.get(environ["PATH_INFO"])
        if action is None:
            return self.moto(environ, start_response)
        action(**Request(environ).get_json())
        return Response("{}", mimetype="application/json")(environ, start_response)


class Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        """Silent: a run makes thousands of calls."""


def stop_with(parent):
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description="The stand-in AWS")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--regions", help="comma-separated: the only enabled regions (default: moto's own list)")
    args = parser.parse_args()

    default_user_config["lambda"] = {"use_docker": False}
    default_user_config["batch"] = {"use_docker": False}
    IAMBackend.get_credential_report = report_with_root(IAMBackend.get_credential_report)
    KmsBackend.create_key = owned_by_provider(KmsBackend.create_key)
    AvailabilityZonesAndRegions.describe_regions = describe_regions
    if args.regions:
        enable_only(set(args.regions.split(",")))

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    threading.Thread(target=stop_with, args=(os.getppid(),), daemon=True).start()
    app = Lab(Answers(CloudWatch(DomainDispatcherApplication(create_backend_app))))
    server = make_server("127.0.0.1", args.port, app, threaded=True, request_handler=Handler)
    print(json.dumps({"endpoint": f"http://127.0.0.1:{server.server_port}"}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
