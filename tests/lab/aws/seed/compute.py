"""What runs on machines: instances, disks, images, launch templates, scaling groups, load balancers, distributions, functions."""

import io
import zipfile

from .account import HOME
from .identity import certificate
from .network import named

IMAGE = "ami-0c0ffee0000000001"


def region_settings(account, region):
    """What an account sets once for a whole region: a careful one everything, a careless one opens the serial console."""
    ec2 = account.client("ec2", region)
    if account.careless:
        ec2.enable_serial_console_access()
    if not account.careful:
        return
    ec2.enable_ebs_encryption_by_default()
    ec2.enable_snapshot_block_public_access(State="block-all-sharing")
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    ec2.modify_instance_metadata_defaults(HttpTokens="required")


def instances(account, region, net):
    """One instance that insists on session tokens for its metadata, one that does not and faces the internet."""
    ec2 = account.client("ec2", region)
    ids = []
    for safe in account.variants:
        made = ec2.run_instances(
            ImageId=IMAGE, MinCount=1, MaxCount=1, InstanceType="t3.small", EbsOptimized=safe, Monitoring={"Enabled": safe},
            SubnetId=net["subnets"][1 if safe else 0], SecurityGroupIds=[net["groups"]["app" if safe else "bastion"]],
            IamInstanceProfile={"Name": "web-server" if safe else "everything"},
            MetadataOptions={"HttpTokens": "required" if safe else "optional", "HttpEndpoint": "enabled"},
            UserData="#!/bin/sh\n" if safe else "#!/bin/sh\nexport DB_PASSWORD=not-a-real-one\n",
            TagSpecifications=named("instance", "ledger" if safe else "jump-host"),
        )  # fmt: skip
        ids.append(made["Instances"][0]["InstanceId"])
    return ids


def volumes_and_snapshots(account, region):
    """Disks, and snapshots of them: private, or shared with everyone."""
    ec2 = account.client("ec2", region)
    for safe in account.variants:
        name = "ledger-data" if safe else "scratch"
        disk = ec2.create_volume(AvailabilityZone=f"{region}a", Size=20, Encrypted=safe, TagSpecifications=named("volume", name))
        snapshot = ec2.create_snapshot(VolumeId=disk["VolumeId"], Description=name)["SnapshotId"]
        if not safe:
            ec2.modify_snapshot_attribute(
                SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", GroupNames=["all"]
            )


def machine_images(account, region, instance_ids):
    ec2 = account.client("ec2", region)
    for safe, instance in zip(account.variants, instance_ids):
        image = ec2.create_image(InstanceId=instance, Name="ledger-golden" if safe else "jump-golden")["ImageId"]
        if not safe:
            ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"Group": "all"}]})


def scaling(account, region, net):
    """Launch templates and the scaling groups that use them."""
    ec2, scaling = account.client("ec2", region), account.client("autoscaling", region)
    for safe in account.variants:
        name = "ledger" if safe else "batch"
        tokens = {"HttpTokens": "required" if safe else "optional", "HttpPutResponseHopLimit": 1 if safe else 3}
        template = {"ImageId": IMAGE, "InstanceType": "t3.small", "MetadataOptions": tokens}
        ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=template)
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=name, LaunchTemplate={"LaunchTemplateName": name, "Version": "$Latest"}, MinSize=0, MaxSize=2,
            DesiredCapacity=0, VPCZoneIdentifier=",".join(net["subnets"] if safe else net["subnets"][:1]),
            HealthCheckType="ELB" if safe else "EC2", HealthCheckGracePeriod=60,
        )  # fmt: skip


def load_balancers(account, region, net):
    """A listener that speaks TLS and one that does not."""
    elb = account.client("elbv2", region)
    body, key = certificate("shop.example.com", days=200)
    cert = account.client("acm", region).import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]
    for safe in account.variants:
        name = "shop" if safe else "legacy"
        made = elb.create_load_balancer(
            Name=name, Subnets=net["subnets"], SecurityGroups=[net["groups"]["web"]], Scheme="internet-facing", Type="application"
        )
        balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
        target = elb.create_target_group(Name=name, Protocol="HTTP", Port=8080, VpcId=net["vpc"], TargetType="ip")
        forward = [{"Type": "forward", "TargetGroupArn": target["TargetGroups"][0]["TargetGroupArn"]}]
        listen(elb, balancer, forward, cert if safe else None)
        attributes = {
            "deletion_protection.enabled": str(safe).lower(),
            "routing.http.drop_invalid_header_fields.enabled": str(safe).lower(),
            "access_logs.s3.enabled": "false",
        }
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=balancer, Attributes=[{"Key": key, "Value": value} for key, value in attributes.items()]
        )


def listen(elb, balancer, forward, certificate_arn):
    if certificate_arn is None:
        elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
        return
    redirect = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[redirect])
    elb.create_listener(
        LoadBalancerArn=balancer, Protocol="HTTPS", Port=443, DefaultActions=forward,
        Certificates=[{"CertificateArn": certificate_arn}], SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
    )  # fmt: skip


def distributions(account):
    cloudfront = account.client("cloudfront", "us-east-1")
    for safe in account.variants:
        name = f"{account.slug}-{'shop' if safe else 'downloads'}"
        tls = {"ACMCertificateArn": account.arn("acm", "certificate/11111111-2222", "us-east-1"), "SSLSupportMethod": "sni-only"}
        behaviour = {
            "TargetOriginId": "origin", "ViewerProtocolPolicy": "redirect-to-https" if safe else "allow-all",
            "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}}, "MinTTL": 0,
        }  # fmt: skip
        origin = {
            "Id": "origin", "DomainName": "origin.example.com",
            "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only" if safe else "http-only"},
        }  # fmt: skip
        cloudfront.create_distribution(
            DistributionConfig={
                "CallerReference": name, "Comment": name, "Enabled": True, "DefaultCacheBehavior": behaviour,
                "Origins": {"Quantity": 1, "Items": [origin]},
                "ViewerCertificate": {**tls, "MinimumProtocolVersion": "TLSv1.2_2021"} if safe else {"CloudFrontDefaultCertificate": True},
                "WebACLId": account.arn("wafv2", "global/webacl/shop/1", "us-east-1") if safe else "",
            }
        )  # fmt: skip


def functions(account, region):
    """Functions that are only ever described, never run: the code is an empty archive."""
    client = account.client("lambda", region)
    for safe in account.variants:
        name = "invoice" if safe else "webhook"
        client.create_function(
            FunctionName=name, Runtime="python3.12" if safe else "python3.8", Handler="main.handler", Code={"ZipFile": archive()},
            Role=account.arn("iam", "role/function-runner"), Timeout=10, TracingConfig={"Mode": "Active" if safe else "PassThrough"},
            Environment={"Variables": {"TABLE": "ledger"} if safe else {"TABLE": "hooks", "API_SECRET": "not-a-real-one"}},
        )  # fmt: skip
        client.create_function_url_config(FunctionName=name, AuthType="AWS_IAM" if safe else "NONE")
        if not safe:
            client.add_permission(FunctionName=name, StatementId="anyone", Action="lambda:InvokeFunction", Principal="*")


def archive():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        # A fixed date keeps the archive's hash the same from run to run.
        out.writestr(zipfile.ZipInfo("main.py", (2024, 1, 1, 0, 0, 0)), "def handler(event, context):\n    return None\n")
    return packed.getvalue()


def seed(account, region, net):
    region_settings(account, region)
    volumes_and_snapshots(account, region)
    ids = instances(account, region, net)
    machine_images(account, region, ids)
    scaling(account, region, net)
    functions(account, region)
    if region == HOME:
        load_balancers(account, region, net)
        distributions(account)
