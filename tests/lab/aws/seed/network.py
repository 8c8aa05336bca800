"""Networks: VPCs, subnets, routes, security groups, network ACLs, peering, endpoints, addresses and flow logs."""

from .account import HOME, tags

ANY4 = [{"CidrIp": "0.0.0.0/0"}]
ANY6 = [{"CidrIpv6": "::/0"}]


def named(kind, name):
    team = "payments" if name in ("ledger", "main") else "shop"
    return [{"ResourceType": kind, "Tags": tags(Name=name, team=team)}]


def vpc(account, region):
    """The region's own VPC with two subnets and a way out. Returns what later steps build on."""
    ec2 = account.client("ec2", region)
    main = ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=named("vpc", "main"))["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=main, CidrBlock=f"10.20.{n}.0/24", AvailabilityZone=f"{region}{zone}")["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=main)
    table = ec2.create_route_table(VpcId=main)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])
    if not account.careful:
        ec2.modify_subnet_attribute(SubnetId=subnets[0], MapPublicIpOnLaunch={"Value": True})
    return {"vpc": main, "subnets": subnets, "route_table": table}


def default_groups(account, region):
    """A careful account empties every default security group."""
    ec2 = account.client("ec2", region)
    if not account.careful:
        return
    defaults = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}])["SecurityGroups"]
    for group in defaults:
        if group["IpPermissions"]:
            ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
        if group["IpPermissionsEgress"]:
            ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])


def security_groups(account, region, net):
    """Every shape a rule can take. Returns group ids by name."""
    ec2 = account.client("ec2", region)
    lists = ec2.create_managed_prefix_list(
        PrefixListName="offices", MaxEntries=5, AddressFamily="IPv4", Entries=[{"Cidr": "203.0.113.0/24", "Description": "office"}]
    )
    offices = [{"PrefixListId": lists["PrefixList"]["PrefixListId"]}]
    ids = {}

    def group(name, **rule):
        ids[name] = ec2.create_security_group(GroupName=name, Description=f"{name} traffic", VpcId=net["vpc"])["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=ids[name], IpPermissions=[rule])

    group("web", IpProtocol="tcp", FromPort=443, ToPort=443, IpRanges=ANY4, Ipv6Ranges=ANY6)
    group("app", IpProtocol="tcp", FromPort=8080, ToPort=8080, UserIdGroupPairs=[{"GroupId": ids["web"]}])
    group("database", IpProtocol="tcp", FromPort=5432, ToPort=5432, UserIdGroupPairs=[{"GroupId": ids["app"]}])
    group("office-ssh", IpProtocol="tcp", FromPort=22, ToPort=22, PrefixListIds=offices)
    if not account.careful:
        group("bastion", IpProtocol="tcp", FromPort=22, ToPort=22, IpRanges=ANY4)
        group("desktops", IpProtocol="tcp", FromPort=3389, ToPort=3389, Ipv6Ranges=ANY6)
        group("wide-range", IpProtocol="tcp", FromPort=1, ToPort=9000, IpRanges=ANY4)
    if account.careless:
        group("anything", IpProtocol="-1", IpRanges=ANY4, Ipv6Ranges=ANY6)
        group("open-database", IpProtocol="tcp", FromPort=5432, ToPort=5432, IpRanges=ANY4)
        group("file-shares", IpProtocol="tcp", FromPort=445, ToPort=445, IpRanges=ANY4)
    return ids


def network_acls(account, region, net):
    """An ACL whose first matching rule denies remote administration, or lets it in."""
    ec2 = account.client("ec2", region)
    for safe in account.variants:
        acl = ec2.create_network_acl(VpcId=net["vpc"])["NetworkAcl"]["NetworkAclId"]
        rules = [(90, "deny"), (100, "allow")] if safe else [(90, "allow"), (100, "deny")]
        for number, action in rules:
            ec2.create_network_acl_entry(
                NetworkAclId=acl, RuleNumber=number, Protocol="6", RuleAction=action, Egress=False,
                CidrBlock="0.0.0.0/0", PortRange={"From": 22, "To": 22},
            )  # fmt: skip


def peering(account, region, net):
    """A second VPC joined to the first, routed narrowly or as a whole."""
    ec2 = account.client("ec2", region)
    other = ec2.create_vpc(CidrBlock="10.30.0.0/16", TagSpecifications=named("vpc", "tools"))["Vpc"]["VpcId"]
    link = ec2.create_vpc_peering_connection(VpcId=net["vpc"], PeerVpcId=other)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=link)
    cidr = "10.30.4.0/24" if account.careful else "10.30.0.0/16"
    ec2.create_route(RouteTableId=net["route_table"], DestinationCidrBlock=cidr, VpcPeeringConnectionId=link)


def endpoints_and_addresses(account, region, net):
    ec2 = account.client("ec2", region)
    ec2.create_vpc_endpoint(
        VpcId=net["vpc"], ServiceName=f"com.amazonaws.{region}.s3", VpcEndpointType="Gateway", RouteTableIds=[net["route_table"]]
    )
    ec2.allocate_address(Domain="vpc")


def flow_logs(account, region, net):
    """A careful account records its traffic; the others forget their main network."""
    ec2, logs = account.client("ec2", region), account.client("logs", region)
    if not account.careful:
        return
    logs.create_log_group(logGroupName="/vpc/flow")
    every = [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]]
    ec2.create_flow_logs(
        ResourceIds=every, ResourceType="VPC", TrafficType="ALL", LogGroupName="/vpc/flow",
        DeliverLogsPermissionArn=account.arn("iam", "role/flow-logs"),
    )  # fmt: skip


def seed(account, region):
    net = vpc(account, region)
    net["groups"] = security_groups(account, region, net)
    network_acls(account, region, net)
    endpoints_and_addresses(account, region, net)
    if region == HOME:
        peering(account, region, net)
    default_groups(account, region)
    flow_logs(account, region, net)
    return net
