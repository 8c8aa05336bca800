"""Who is watching: trails, log groups, metric filters with alarms, configuration recorders and the detectors."""

from .account import ALL_BLOCKED, HOME, allow, policy

# The fifteen things CIS asks to be told about, each as a metric filter. An account that watches only some keeps the first few.
FILTERS = {
    "unauthorized-calls": '{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }',
    "console-without-mfa": '{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }',
    "root-use": '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != "AwsServiceEvent" }',
    "iam-changes": "{ ($.eventName=DeleteGroupPolicy) || ($.eventName=DeleteRolePolicy) || ($.eventName=DeleteUserPolicy) || ($.eventName=PutGroupPolicy) || ($.eventName=PutRolePolicy) || ($.eventName=PutUserPolicy) || ($.eventName=CreatePolicy) || ($.eventName=DeletePolicy) || ($.eventName=CreatePolicyVersion) || ($.eventName=DeletePolicyVersion) || ($.eventName=AttachRolePolicy) || ($.eventName=DetachRolePolicy) || ($.eventName=AttachUserPolicy) || ($.eventName=DetachUserPolicy) || ($.eventName=AttachGroupPolicy) || ($.eventName=DetachGroupPolicy) }",
    "trail-changes": "{ ($.eventName = CreateTrail) || ($.eventName = UpdateTrail) || ($.eventName = DeleteTrail) || ($.eventName = StartLogging) || ($.eventName = StopLogging) }",
    "console-failures": '{ ($.eventName = ConsoleLogin) && ($.errorMessage = "Failed authentication") }',
    "key-deletion": '{ ($.eventSource = "kms.amazonaws.com") && (($.eventName = DisableKey) || ($.eventName = ScheduleKeyDeletion)) }',
    "bucket-policy-changes": "{ ($.eventSource = s3.amazonaws.com) && (($.eventName = PutBucketAcl) || ($.eventName = PutBucketPolicy) || ($.eventName = PutBucketCors) || ($.eventName = PutBucketLifecycle) || ($.eventName = PutBucketReplication) || ($.eventName = DeleteBucketPolicy) || ($.eventName = DeleteBucketCors) || ($.eventName = DeleteBucketLifecycle) || ($.eventName = DeleteBucketReplication)) }",
    "config-changes": "{ ($.eventSource = config.amazonaws.com) && (($.eventName = StopConfigurationRecorder) || ($.eventName = DeleteDeliveryChannel) || ($.eventName = PutDeliveryChannel) || ($.eventName = PutConfigurationRecorder)) }",
    "security-group-changes": "{ ($.eventName = AuthorizeSecurityGroupIngress) || ($.eventName = AuthorizeSecurityGroupEgress) || ($.eventName = RevokeSecurityGroupIngress) || ($.eventName = RevokeSecurityGroupEgress) || ($.eventName = CreateSecurityGroup) || ($.eventName = DeleteSecurityGroup) }",
    "network-acl-changes": "{ ($.eventName = CreateNetworkAcl) || ($.eventName = CreateNetworkAclEntry) || ($.eventName = DeleteNetworkAcl) || ($.eventName = DeleteNetworkAclEntry) || ($.eventName = ReplaceNetworkAclEntry) || ($.eventName = ReplaceNetworkAclAssociation) }",
    "gateway-changes": "{ ($.eventName = CreateCustomerGateway) || ($.eventName = DeleteCustomerGateway) || ($.eventName = AttachInternetGateway) || ($.eventName = CreateInternetGateway) || ($.eventName = DeleteInternetGateway) || ($.eventName = DetachInternetGateway) }",
    "route-changes": "{ ($.eventSource = ec2.amazonaws.com) && (($.eventName = CreateRoute) || ($.eventName = CreateRouteTable) || ($.eventName = ReplaceRoute) || ($.eventName = ReplaceRouteTableAssociation) || ($.eventName = DeleteRouteTable) || ($.eventName = DeleteRoute) || ($.eventName = DisassociateRouteTable)) }",
    "network-changes": "{ ($.eventName = CreateVpc) || ($.eventName = DeleteVpc) || ($.eventName = ModifyVpcAttribute) || ($.eventName = AcceptVpcPeeringConnection) || ($.eventName = CreateVpcPeeringConnection) || ($.eventName = DeleteVpcPeeringConnection) || ($.eventName = RejectVpcPeeringConnection) || ($.eventName = AttachClassicLinkVpc) || ($.eventName = DetachClassicLinkVpc) || ($.eventName = DisableVpcClassicLink) || ($.eventName = EnableVpcClassicLink) }",
    "organization-changes": "{ ($.eventSource = organizations.amazonaws.com) && (($.eventName = AcceptHandshake) || ($.eventName = AttachPolicy) || ($.eventName = CreateAccount) || ($.eventName = CreateOrganizationalUnit) || ($.eventName = CreatePolicy) || ($.eventName = DeclineHandshake) || ($.eventName = DeleteOrganization) || ($.eventName = DeleteOrganizationalUnit) || ($.eventName = DeletePolicy) || ($.eventName = DetachPolicy) || ($.eventName = DisablePolicyType) || ($.eventName = EnablePolicyType) || ($.eventName = InviteAccountToOrganization) || ($.eventName = LeaveOrganization) || ($.eventName = MoveAccount) || ($.eventName = RemoveAccountFromOrganization) || ($.eventName = UpdatePolicy) || ($.eventName = UpdateOrganizationalUnit)) }",
}


def trail_bucket(account, name, public):
    s3 = account.client("s3", HOME)
    full = f"{account.slug}-{name}"
    s3.create_bucket(Bucket=full, CreateBucketConfiguration={"LocationConstraint": HOME})
    statements = [allow("s3:PutObject", f"arn:aws:s3:::{full}/*", {"Service": "cloudtrail.amazonaws.com"})]
    if public:
        statements.append(allow("s3:GetObject", f"arn:aws:s3:::{full}/*", "*"))
    s3.put_bucket_policy(Bucket=full, Policy=policy(*statements))
    if account.careful:
        logs = f"{account.slug}-access-logs-{HOME}"
        s3.put_public_access_block(Bucket=full, PublicAccessBlockConfiguration=ALL_BLOCKED)
        s3.put_bucket_logging(Bucket=full, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": logs, "TargetPrefix": "trail/"}})
    return full


def trails(account):
    """The organization's own trail; a neglected one beside it; none at all in the careless account's other regions."""
    cloudtrail = account.client("cloudtrail", HOME)
    if account.careful:
        group = account.arn("logs", "log-group:/trail/organization:*", HOME)
        cloudtrail.create_trail(
            Name="organization", S3BucketName=trail_bucket(account, "trail", public=False), IsMultiRegionTrail=True,
            IsOrganizationTrail=True, EnableLogFileValidation=True, IncludeGlobalServiceEvents=True,
            KmsKeyId=account.arn("kms", "alias/data", HOME), CloudWatchLogsLogGroupArn=group,
            CloudWatchLogsRoleArn=account.arn("iam", "role/flow-logs"),
        )  # fmt: skip
        cloudtrail.start_logging(Name="organization")
        data = [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]
        selector = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": data}
        cloudtrail.put_event_selectors(TrailName="organization", EventSelectors=[selector])
        return
    cloudtrail.create_trail(Name="local", S3BucketName=trail_bucket(account, "trail", public=account.careless), IsMultiRegionTrail=False)
    if not account.careless:
        cloudtrail.start_logging(Name="local")


def alarms(account):
    """Metric filters over the trail's log group, an alarm for each, and someone who is told."""
    if account.careless:
        return
    logs, cloudwatch, sns = (account.client(name, HOME) for name in ("logs", "cloudwatch", "sns"))
    group = "/trail/organization" if account.careful else "/trail/local"
    topic = sns.create_topic(Name="security-alarms")["TopicArn"]
    if account.careful:
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="security@example.com")
    for name, pattern in list(FILTERS.items()) if account.careful else list(FILTERS.items())[:4]:
        change = {"metricName": name, "metricNamespace": "security", "metricValue": "1"}
        logs.put_metric_filter(logGroupName=group, filterName=name, filterPattern=pattern, metricTransformations=[change])
        cloudwatch.put_metric_alarm(
            AlarmName=name, MetricName=name, Namespace="security", Statistic="Sum", Period=300, EvaluationPeriods=1, Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold", AlarmActions=[topic],
        )  # fmt: skip


def log_groups(account, region):
    logs = account.client("logs", region)
    for safe in account.variants:
        name = "/shop/api" if safe else "/tools/runner"
        logs.create_log_group(logGroupName=name)
        if safe:
            logs.put_retention_policy(logGroupName=name, retentionInDays=365)
    if region == HOME and not account.careless:
        logs.create_log_group(logGroupName="/trail/organization" if account.careful else "/trail/local")


def recorder(account, region):
    """Configuration recording: everywhere and running, or only here and stopped."""
    if account.careless or (not account.careful and region != HOME):
        return
    config = account.client("config", region)
    role = account.arn("iam", "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig")
    group = {"allSupported": True, "includeGlobalResourceTypes": region == HOME}
    config.put_configuration_recorder(ConfigurationRecorder={"name": "default", "roleARN": role, "recordingGroup": group})
    bucket = f"{account.slug}-trail"
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": bucket})
    if account.careful:
        config.start_configuration_recorder(ConfigurationRecorderName="default")


def detectors(account, region):
    """Access Analyzer, GuardDuty, Security Hub, Inspector and Macie; a careless account has none of them."""
    if not account.careful:
        # moto has Macie on in every account from the start.
        account.client("macie2", region).disable_macie()
    if account.careless or (not account.careful and region != HOME):
        return
    account.client("accessanalyzer", region).create_analyzer(analyzerName="outside", type="ACCOUNT")
    account.client("guardduty", region).create_detector(Enable=account.careful, FindingPublishingFrequency="FIFTEEN_MINUTES")
    account.client("securityhub", region).enable_security_hub(EnableDefaultStandards=True)
    if account.careful:
        account.client("inspector2", region).enable(accountIds=[account.id], resourceTypes=["EC2", "ECR", "LAMBDA"])


def seed(account, region):
    log_groups(account, region)
    if region == HOME:
        trails(account)
        alarms(account)
    recorder(account, region)
    detectors(account, region)
