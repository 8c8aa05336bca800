"""Many cheap resources, spread over accounts and regions, for load runs."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

from .account import REGIONS, Account

THREADS = 8


def security_group(account, region, name):
    account.client("ec2", region).create_security_group(GroupName=name, Description="load")


def volume(account, region, name):
    account.client("ec2", region).create_volume(AvailabilityZone=f"{region}a", Size=8, Encrypted=name.endswith("0"))


def bucket(account, region, name):
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    account.client("s3", region).create_bucket(Bucket=f"{account.slug}-{region}-{name}", **where)


def log_group(account, region, name):
    account.client("logs", region).create_log_group(logGroupName=name)


def user(account, region, name):
    account.client("iam").create_user(UserName=f"{name}-{region}")


def repository(account, region, name):
    account.client("ecr", region).create_repository(repositoryName=name)


def queue(account, region, name):
    account.client("sqs", region).create_queue(QueueName=name)


def topic(account, region, name):
    account.client("sns", region).create_topic(Name=name)


def parameter(account, region, name):
    account.client("ssm", region).put_parameter(Name=f"/load/{name}", Value="x", Type="String", Overwrite=True)


def address(account, region, name):
    account.client("ec2", region).allocate_address(Domain="vpc")


KINDS = (security_group, volume, log_group, repository, queue, topic, parameter, address, bucket, user)


def add(endpoint, names, count):
    """Adds `count` resources, of every kind in turn, in every account and region in turn. Returns how many were made."""
    accounts = [Account(endpoint, account_id, slug, (False,)) for account_id, slug in names.items()]
    for account, region in product(accounts, REGIONS):
        # boto3 makes clients one at a time, so they are made before the threads start.
        for service in ("ec2", "logs", "ecr", "sqs", "sns", "ssm", "s3", "iam"):
            account.client(service, region)
    places = list(product(KINDS, accounts, REGIONS))

    def one(number):
        kind, account, region = places[number % len(places)]
        kind(account, region, f"load-{number:06d}")

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(1 for _ in pool.map(one, range(count)))
