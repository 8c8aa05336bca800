"""Seeds the stand-in AWS with the estate of Harbor Lane: three accounts, three regions, things done well and badly.

    python estate.py http://127.0.0.1:5005 [--small] [--scale N]

Safe to run again: an estate that is there is only described. Prints one JSON line: how to reach it with a read-only role.
What the stand-in cannot hold is left out, with a comment where it would stand.
"""

import argparse
import json
import sys
import time
from urllib.request import urlopen

# The clone stays clean: no compiled copies beside the sources.
sys.dont_write_bytecode = True

from seed import compute, containers, identity, network, scale, storage, watch  # noqa: E402
from seed.account import HOME, REGIONS, Account  # noqa: E402

MANAGEMENT = "111111111111"
EXTERNAL_ID = "harbor-lane-7f3a"
MEMBERS = {"harbor-lane-production": (True, False), "harbor-lane-sandbox": (False,)}
# The estate's own description lives in the estate, so that a second run can tell that the first one finished.
MARK = "/estate/description"


def described(management):
    ssm = management.client("ssm", HOME)
    try:
        return json.loads(ssm.get_parameter(Name=MARK, WithDecryption=True)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return None


def build(endpoint, management, member_names, regions):
    # moto draws every id from one generator: the same start gives the same ids, so a restart looks like the same estate.
    urlopen(f"{endpoint}/moto-api/seed?a=7", data=b"", timeout=10).close()
    ids = identity.organization(management, member_names)
    members = [Account(endpoint, account_id, slug, MEMBERS[slug]) for account_id, slug in zip(ids, member_names)]
    key = identity.reader(management, EXTERNAL_ID, [MANAGEMENT, *ids])
    for account in (management, *members):
        identity.seed(account, MANAGEMENT, EXTERNAL_ID)
        for region in regions:
            net = network.seed(account, region)
            storage.seed(account, region, net)
            compute.seed(account, region, net)
            containers.seed(account, region, net)
            watch.seed(account, region)
    description = {
        "endpoint": endpoint,
        "access_key_id": key["AccessKeyId"],
        "secret_access_key": key["SecretAccessKey"],
        "external_id": EXTERNAL_ID,
        "role_name": identity.READ_ONLY_ROLE,
        "management_account": MANAGEMENT,
        "accounts": [MANAGEMENT, *ids],
        "account_names": {MANAGEMENT: "harbor-lane", **dict(zip(ids, member_names))},
        "regions": list(regions),
        "machines": machines(management, HOME),
    }
    management.client("ssm", HOME).put_parameter(Name=MARK, Value=json.dumps(description), Type="SecureString")
    return description


def machines(account, region):
    """The instances that run, as nodes of a cluster would name them."""
    found = account.client("ec2", region).describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    return sorted(one["InstanceId"] for group in found["Reservations"] for one in group["Instances"])


def main():
    parser = argparse.ArgumentParser(description="Seeds the stand-in AWS")
    parser.add_argument("endpoint", help="such as http://127.0.0.1:5005")
    parser.add_argument("--small", action="store_true", help="one account in one region, things done well and badly in it")
    parser.add_argument("--scale", type=int, default=0, metavar="N", help="add about N cheap resources, for load runs")
    args = parser.parse_args()

    endpoint = args.endpoint.rstrip("/")
    management = Account(endpoint, MANAGEMENT, "harbor-lane", (True, False) if args.small else (True,))
    started = time.monotonic()
    names, regions = ([], [HOME]) if args.small else (list(MEMBERS), REGIONS)
    description = described(management) or build(endpoint, management, names, regions)
    if args.scale:
        description["scaled_by"] = scale.add(endpoint, description["account_names"], args.scale)
    description["endpoint"] = endpoint
    description["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(description))


if __name__ == "__main__":
    main()
