"""One account of the estate, and the clients that reach it."""

import json

import boto3
from botocore.config import Config

REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-2")
HOME = REGIONS[0]
ALL_BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
CONFIG = Config(inject_host_prefix=False, retries={"max_attempts": 1}, max_pool_connections=32, s3={"addressing_style": "path"})


class Account:
    """An account with its posture: `variants` says whether it holds things done well (True), badly (False) or both."""

    def __init__(self, endpoint, account_id, slug, variants):
        self.endpoint, self.id, self.slug, self.variants = endpoint, account_id, slug, variants
        self._session = assume(endpoint, account_id)
        self._clients = {}

    @property
    def careful(self):
        return self.variants == (True,)

    @property
    def careless(self):
        return self.variants == (False,)

    def client(self, service, region=HOME):
        if (service, region) not in self._clients:
            client = self._session.client(service, region_name=region, endpoint_url=self.endpoint, config=CONFIG)
            # S3 control puts the account's id before the host, which for a loopback address is no address at all.
            client.meta.events.register("before-send.s3-control", self._without_account_host)
            self._clients[service, region] = client
        return self._clients[service, region]

    def _without_account_host(self, request, **_):
        request.url = request.url.replace(f"//{self.id}.", "//", 1)

    def arn(self, service, resource, region=""):
        return f"arn:aws:{service}:{region}:{self.id}:{resource}"


def assume(endpoint, account_id):
    """A session inside an account: the stand-in lets anyone assume a role by its name, so the first call needs no real key."""
    first = boto3.Session("seed", "seed", region_name="us-east-1").client("sts", endpoint_url=endpoint)
    role = f"arn:aws:iam::{account_id}:role/OrganizationAccountAccessRole"
    keys = first.assume_role(RoleArn=role, RoleSessionName="estate")["Credentials"]
    return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name="us-east-1")


def policy(*statements):
    """A policy document from its statements, as JSON text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", principal=None, condition=None, effect="Allow"):
    """One statement of a policy; leave out what does not apply."""
    statement = {"Effect": effect, "Action": action}
    if resource is not None:
        statement["Resource"] = resource
    if principal is not None:
        statement["Principal"] = principal
    if condition is not None:
        statement["Condition"] = condition
    return statement


def tags(**pairs):
    """Tags in the `Key`/`Value` form that most services take."""
    return [{"Key": key, "Value": value} for key, value in pairs.items()]
