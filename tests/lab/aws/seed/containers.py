"""The container estate: registries, task definitions, services, Kubernetes clusters."""

from .account import HOME, allow, policy


def registries(account, region):
    """Repositories that scan and pin what is pushed, and ones that do not and are open to everyone."""
    ecr = account.client("ecr", region)
    for safe in account.variants:
        for name in ("shop/api", "shop/web") if safe else ("tools/debug", "tools/runner"):
            ecr.create_repository(
                repositoryName=name, imageTagMutability="IMMUTABLE" if safe else "MUTABLE",
                imageScanningConfiguration={"scanOnPush": safe},
                encryptionConfiguration={"encryptionType": "KMS" if safe else "AES256"},
            )  # fmt: skip
        if safe:
            rule = '{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":14},"action":{"type":"expire"}}]}'
            ecr.put_lifecycle_policy(repositoryName="shop/api", lifecyclePolicyText=rule)
        else:
            anyone = policy(allow(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], None, "*"))
            ecr.set_repository_policy(repositoryName="tools/debug", policyText=anyone)


def tasks(account, region, net):
    """Task definitions and the services that run them."""
    ecs = account.client("ecs", region)
    for safe in account.variants:
        cluster = "shop" if safe else "tools"
        ecs.create_cluster(clusterName=cluster, settings=[{"name": "containerInsights", "value": "enabled" if safe else "disabled"}])
        task = careful_task(account, region) if safe else careless_task(account, region)
        arn = ecs.register_task_definition(**task)["taskDefinition"]["taskDefinitionArn"]
        network = {"subnets": net["subnets"], "securityGroups": [net["groups"]["app"]], "assignPublicIp": "DISABLED" if safe else "ENABLED"}
        extra = {"networkConfiguration": {"awsvpcConfiguration": network}} if safe else {}
        ecs.create_service(
            cluster=cluster, serviceName=cluster, taskDefinition=arn, desiredCount=1, launchType="FARGATE" if safe else "EC2", **extra
        )


def careful_task(account, region):
    container = {
        "name": "api", "image": f"{account.id}.dkr.ecr.{region}.amazonaws.com/shop/api:1.4.2", "user": "10001", "privileged": False,
        "readonlyRootFilesystem": True, "memory": 256, "essential": True, "portMappings": [{"containerPort": 8080}],
        "secrets": [{"name": "DB_PASSWORD", "valueFrom": account.arn("secretsmanager", "secret:ledger", region)}],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/shop/api", "awslogs-region": region}},
    }  # fmt: skip
    return {
        "family": "shop-api", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "taskRoleArn": account.arn("iam", "role/task-runner"), "executionRoleArn": account.arn("iam", "role/task-runner"),
        "containerDefinitions": [container],
    }  # fmt: skip


def careless_task(account, region):
    container = {
        "name": "runner", "image": f"{account.id}.dkr.ecr.{region}.amazonaws.com/tools/runner:latest", "privileged": True, "user": "root",
        "memory": 256, "essential": True, "mountPoints": [{"sourceVolume": "engine", "containerPath": "/var/run/docker.sock"}],
        "environment": [{"name": "DB_PASSWORD", "value": "not-a-real-one"}, {"name": "MODE", "value": "all"}],
    }  # fmt: skip
    return {
        "family": "tools-runner", "networkMode": "host", "pidMode": "host", "requiresCompatibilities": ["EC2"],
        "volumes": [{"name": "engine", "host": {"sourcePath": "/var/run/docker.sock"}}],
        "taskRoleArn": account.arn("iam", "role/everything"), "containerDefinitions": [container],
    }  # fmt: skip


def clusters(account, region, net):
    """Kubernetes control planes: private with logs and encrypted secrets, or open to the internet."""
    eks = account.client("eks", region)
    for safe in account.variants:
        name = "shop" if safe else "playground"
        extra = {}
        if safe:
            key = account.arn("kms", "alias/data", region)
            extra["encryptionConfig"] = [{"resources": ["secrets"], "provider": {"keyArn": key}}]
            extra["logging"] = {"clusterLogging": [{"types": ["api", "audit", "authenticator"], "enabled": True}]}
        eks.create_cluster(
            name=name, version="1.33" if safe else "1.24", roleArn=account.arn("iam", "role/cluster"),
            resourcesVpcConfig={
                "subnetIds": net["subnets"], "securityGroupIds": [net["groups"]["app"]], "endpointPrivateAccess": safe,
                "endpointPublicAccess": not safe, **({} if safe else {"publicAccessCidrs": ["0.0.0.0/0"]}),
            }, **extra,
        )  # fmt: skip
        access = {} if safe else {"remoteAccess": {"ec2SshKey": "night-desk"}}
        eks.create_nodegroup(
            clusterName=name, nodegroupName="workers", subnets=net["subnets"], nodeRole=account.arn("iam", "role/web-server"),
            scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 1}, **access,
        )  # fmt: skip


def seed(account, region, net):
    registries(account, region)
    tasks(account, region, net)
    if region == HOME:
        clusters(account, region, net)
