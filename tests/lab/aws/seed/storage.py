"""Where data rests: buckets, databases, file systems, tables, queues, topics, secrets, parameters and the keys over them."""

import json

from .account import ALL_BLOCKED, HOME, allow, policy, tags


def keys(account, region):
    """Customer keys: rotated and held close, or neither. Returns the id of the data key."""
    kms = account.client("kms", region)
    data = None
    for safe in account.variants:
        who = {"AWS": account.arn("iam", "root")} if safe else {"AWS": "*"}
        key = kms.create_key(Description="data" if safe else "old exports", Policy=policy(allow("kms:*", "*", who)))["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/data" if safe else "alias/exports", TargetKeyId=key)
        if safe:
            kms.enable_key_rotation(KeyId=key)
        data = data or key
    if not account.careful:
        doomed = kms.create_key(Description="about to go")["KeyMetadata"]["KeyId"]
        kms.schedule_key_deletion(KeyId=doomed, PendingWindowInDays=7)
    return data


def account_block(account):
    if account.careful:
        account.client("s3control").put_public_access_block(AccountId=account.id, PublicAccessBlockConfiguration=ALL_BLOCKED)


def buckets(account, region):
    """Every bucket posture: locked down, merely blocked, and public by policy or by access list."""
    s3 = account.client("s3", region)
    logs = bucket(account, region, "access-logs")
    block(s3, logs)
    for safe in account.variants:
        name = bucket(account, region, "ledger" if safe else "uploads")
        if safe:
            careful_bucket(s3, name, logs)
        else:
            s3.put_bucket_policy(Bucket=name, Policy=policy(allow("s3:GetObject", f"arn:aws:s3:::{name}/*", "*")))
    if account.careless and region == HOME:
        s3.put_bucket_acl(Bucket=bucket(account, region, "handouts"), ACL="public-read")
    if not account.careful and region == HOME:
        narrowed_bucket(s3, bucket(account, region, "partners"))


def bucket(account, region, name):
    full = f"{account.slug}-{name}-{region}"
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    account.client("s3", region).create_bucket(Bucket=full, **where)
    return full


def block(s3, name):
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=ALL_BLOCKED)


def careful_bucket(s3, name, logs):
    block(s3, name)
    everything = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    s3.put_bucket_policy(Bucket=name, Policy=policy(allow("s3:*", everything, "*", plain, effect="Deny")))
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    encrypt = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/data"}, "BucketKeyEnabled": True}]}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=encrypt)
    own = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=own)
    allow_logging(s3, logs, name)


def allow_logging(s3, logs, name):
    grant = policy(allow("s3:PutObject", f"arn:aws:s3:::{logs}/*", {"Service": "logging.s3.amazonaws.com"}))
    s3.put_bucket_policy(Bucket=logs, Policy=grant)
    s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": logs, "TargetPrefix": f"{name}/"}})


def narrowed_bucket(s3, name):
    """Open to every principal, but only from one network: not public."""
    near = {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}
    s3.put_bucket_policy(Bucket=name, Policy=policy(allow("s3:GetObject", f"arn:aws:s3:::{name}/*", "*", near)))


def databases(account, region):
    rds = account.client("rds", region)
    for safe in account.variants:
        name = "ledger" if safe else "reports"
        common = {"Engine": "postgres", "MasterUsername": "owner", "MasterUserPassword": "not-a-real-one"}
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.t3.medium", AllocatedStorage=20, PubliclyAccessible=not safe,
            StorageEncrypted=safe, MultiAZ=safe, AutoMinorVersionUpgrade=safe, DeletionProtection=False, CopyTagsToSnapshot=safe,
            BackupRetentionPeriod=14 if safe else 0, EnableIAMDatabaseAuthentication=safe, **common,
        )  # fmt: skip
        rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"{name}-weekly")
        if not safe:
            rds.modify_db_snapshot_attribute(DBSnapshotIdentifier=f"{name}-weekly", AttributeName="restore", ValuesToAdd=["all"])
        cluster = {**common, "Engine": "aurora-postgresql"}
        rds.create_db_cluster(DBClusterIdentifier=f"{name}-cluster", StorageEncrypted=safe, BackupRetentionPeriod=7 if safe else 1, **cluster)
        rds.create_db_cluster_snapshot(DBClusterIdentifier=f"{name}-cluster", DBClusterSnapshotIdentifier=f"{name}-cluster-weekly")


def file_systems(account, region, net):
    efs = account.client("efs", region)
    for safe in account.variants:
        made = efs.create_file_system(CreationToken="shared" if safe else "scratch", Encrypted=safe, Tags=tags(Name="shared" if safe else "scratch"))
        group = net["groups"]["app" if safe else "bastion"]
        efs.create_mount_target(FileSystemId=made["FileSystemId"], SubnetId=net["subnets"][0], SecurityGroups=[group])
        if not safe:
            anyone = policy(allow("elasticfilesystem:ClientMount", None, {"AWS": "*"}))
            efs.put_file_system_policy(FileSystemId=made["FileSystemId"], Policy=anyone)


def tables(account, region):
    dynamodb = account.client("dynamodb", region)
    for safe in account.variants:
        name = "ledger" if safe else "hooks"
        dynamodb.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            SSESpecification={"Enabled": True, "SSEType": "KMS"} if safe else {"Enabled": False}, DeletionProtectionEnabled=safe,
        )  # fmt: skip
        if safe:
            dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})


def queues_and_topics(account, region):
    sqs, sns = account.client("sqs", region), account.client("sns", region)
    for safe in account.variants:
        name = "orders" if safe else "inbox"
        owner = {"AWS": account.arn("iam", "root")}
        open_to = owner if safe else "*"
        send = policy(allow("sqs:SendMessage", account.arn("sqs", name, region), open_to))
        encrypt = {"KmsMasterKeyId": "alias/data"} if safe else {"SqsManagedSseEnabled": "false"}
        sqs.create_queue(QueueName=name, Attributes={"Policy": send, **encrypt})
        publish = policy(allow("sns:Publish", account.arn("sns", name, region), open_to if safe else {"AWS": "*"}))
        topic = {"Policy": publish, **({"KmsMasterKeyId": "alias/data"} if safe else {})}
        sns.create_topic(Name=name, Attributes=topic)


def secrets(account, region):
    """Secrets and parameters. None rotates: a rotation would invoke a function, and functions are never run here."""
    manager, ssm = account.client("secretsmanager", region), account.client("ssm", region)
    for safe in account.variants:
        name = "ledger" if safe else "legacy-api"
        manager.create_secret(Name=name, SecretString=json.dumps({"password": "not-a-real-one"}), **({"KmsKeyId": "alias/data"} if safe else {}))
        if not safe:
            anyone = policy(allow("secretsmanager:GetSecretValue", "*", {"AWS": "*"}))
            manager.put_resource_policy(SecretId=name, ResourcePolicy=anyone)
        ssm.put_parameter(Name=f"/{name}/password", Value="not-a-real-one", Type="SecureString" if safe else "String")


def seed(account, region, net):
    keys(account, region)
    if region == HOME:
        account_block(account)
    buckets(account, region)
    queues_and_topics(account, region)
    secrets(account, region)
    tables(account, region)
    if region != "ap-southeast-2":
        databases(account, region)
        file_systems(account, region, net)
