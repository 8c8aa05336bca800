"""Who may do what: organization, account contacts, IAM users, groups, policies, roles, certificates and providers."""

import json
from datetime import datetime, timedelta, timezone
from urllib.request import Request, urlopen

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .account import allow, policy

READ_ONLY_ROLE = "PlumblineReadOnly"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
# At least 1,000 characters, or it is refused.
SAML_METADATA = '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://login.example.com/saml"/>'.ljust(1000)


def organization(management, members):
    """The organization and its member accounts; the stand-in gives them their ids. Returns one id per name in `members`."""
    org = management.client("organizations", "us-east-1")
    org.create_organization(FeatureSet="ALL")
    ids = [
        org.create_account(AccountName=name, Email=f"{name.lower().replace(' ', '-')}@example.com")["CreateAccountStatus"]["AccountId"]
        for name in members
    ]
    root = org.list_roots()["Roots"][0]["Id"]
    unit = org.create_organizational_unit(ParentId=root, Name="Workloads")["OrganizationalUnit"]["Id"]
    for account_id in ids[:1]:
        org.move_account(AccountId=account_id, SourceParentId=root, DestinationParentId=unit)
    org.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    guard = policy(allow("organizations:LeaveOrganization", effect="Deny"))
    scp = org.create_policy(Name="StayInside", Description="No account leaves", Type="SERVICE_CONTROL_POLICY", Content=guard)
    org.attach_policy(PolicyId=scp["Policy"]["PolicySummary"]["Id"], TargetId=root)
    org.enable_aws_service_access(ServicePrincipal="cloudtrail.amazonaws.com")
    return ids


def contacts(account):
    """Whom AWS writes to: everything about a careful account, the security desk of a mixed one, nobody of a careless one."""
    client = account.client("account", "us-east-1")
    kinds = ("SECURITY", "BILLING", "OPERATIONS") if account.careful else () if account.careless else ("SECURITY",)
    for kind in kinds:
        client.put_alternate_contact(
            AlternateContactType=kind, EmailAddress=f"{kind.lower()}@example.com", Name="Duty desk", PhoneNumber="+353 1 555 0100",
            Title=kind.capitalize(),
        )  # fmt: skip
    if not account.careless:
        client.put_contact_information(
            ContactInformation={
                "FullName": "Harbor Lane", "CompanyName": "Harbor Lane", "AddressLine1": "1 Example Quay", "City": "Dublin",
                "PostalCode": "D01 0000", "CountryCode": "IE", "PhoneNumber": "+353 1 555 0100",
            }
        )  # fmt: skip


def password_policy(account):
    iam = account.client("iam")
    if account.careful:
        iam.update_account_password_policy(
            MinimumPasswordLength=16, RequireSymbols=True, RequireNumbers=True, RequireUppercaseCharacters=True,
            RequireLowercaseCharacters=True, AllowUsersToChangePassword=True, MaxPasswordAge=90, PasswordReusePrevention=24,
        )  # fmt: skip
    elif not account.careless:
        iam.update_account_password_policy(MinimumPasswordLength=8, RequireNumbers=True)
    iam.create_account_alias(AccountAlias=account.slug)


def groups(account):
    iam = account.client("iam")
    iam.create_group(GroupName="operators")
    iam.attach_group_policy(GroupName="operators", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.put_group_policy(
        GroupName="operators", PolicyName="restart-services", PolicyDocument=policy(allow(["ecs:UpdateService", "ec2:RebootInstances"]))
    )
    iam.create_group(GroupName="administrators")
    iam.attach_group_policy(GroupName="administrators", PolicyArn=ADMINISTRATOR)


def managed_policies(account):
    iam = account.client("iam")
    logs = policy(allow(["logs:GetLogEvents", "logs:FilterLogEvents"], account.arn("logs", "log-group:*", "eu-west-1")))
    iam.create_policy(PolicyName="LogReader", PolicyDocument=logs)
    if not account.careful:
        for name in ("FullAdministrator", "UnusedAdministrator"):
            iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("*")))
        iam.create_policy(PolicyName="DecryptAnything", PolicyDocument=policy(allow(["kms:Decrypt", "kms:ReEncryptFrom"])))
        iam.create_policy(PolicyName="PassAnyRole", PolicyDocument=policy(allow(["iam:PassRole", "ec2:RunInstances"])))


def users(account):
    """People and programs, with and without a second factor, with keys of every age."""
    iam = account.client("iam")
    console_user(account, "night-desk", group="operators", mfa=True)
    program_user(account, "release-bot", key_ages=[(20, 1)])
    if not account.careful:
        console_user(account, "weekend-desk", group="operators", mfa=False)
        console_user(account, "former-contractor", mfa=False, created_days=700, used_days=300)
        program_user(account, "deploy-bot", key_ages=[(410, 2), (30, 1)])
        program_user(account, "backup-job", key_ages=[(200, None)])
        iam.put_user_policy(UserName="deploy-bot", PolicyName="deploy", PolicyDocument=policy(allow(["s3:*", "ecs:*", "iam:PassRole"])))
        iam.attach_user_policy(UserName="weekend-desk", PolicyArn=account.arn("iam", "policy/LogReader"))
    if account.careless:
        console_user(account, "trainee", mfa=False, policy_arn=ADMINISTRATOR)
        iam.attach_user_policy(UserName="backup-job", PolicyArn=account.arn("iam", "policy/FullAdministrator"))
        key = iam.list_access_keys(UserName="backup-job")["AccessKeyMetadata"][0]["AccessKeyId"]
        iam.update_access_key(UserName="backup-job", AccessKeyId=key, Status="Inactive")


def console_user(account, name, mfa, group=None, policy_arn=None, created_days=500, used_days=2):
    iam = account.client("iam")
    iam.create_user(UserName=name)
    iam.create_login_profile(UserName=name, Password="Correct-horse-battery-1", PasswordResetRequired=False)
    if group:
        iam.add_user_to_group(UserName=name, GroupName=group)
    if policy_arn:
        iam.attach_user_policy(UserName=name, PolicyArn=policy_arn)
    if mfa:
        serial = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]["SerialNumber"]
        iam.enable_mfa_device(UserName=name, SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321")
    lab(account, "backdate", user=name, created_days=created_days, password_used_days=used_days)


def program_user(account, name, key_ages):
    """A user with access keys, each (days since it was made, days since it was used or None)."""
    iam = account.client("iam")
    iam.create_user(UserName=name)
    made = [iam.create_access_key(UserName=name)["AccessKey"] for _ in key_ages]
    ages = [{"id": key["AccessKeyId"], "created_days": age, "used_days": used} for key, (age, used) in zip(made, key_ages)]
    lab(account, "backdate", user=name, created_days=max(age for age, _ in key_ages), keys=ages)
    return made


def reader(management, external_id, members):
    """The user whose key the product holds: it may do nothing but assume the read-only role. Returns the key."""
    iam = management.client("iam")
    key = program_user(management, "plumbline-reader", key_ages=[(1, 0)])[0]
    roles = [f"arn:aws:iam::{account_id}:role/{READ_ONLY_ROLE}" for account_id in members]
    iam.put_user_policy(
        UserName="plumbline-reader",
        PolicyName="assume-read-only",
        PolicyDocument=policy(allow("sts:AssumeRole", roles, condition={"StringEquals": {"sts:ExternalId": external_id}})),
    )
    return key


def read_only_role(account, management_id, external_id):
    iam = account.client("iam")
    trust = policy(
        allow("sts:AssumeRole", None, {"AWS": f"arn:aws:iam::{management_id}:root"}, {"StringEquals": {"sts:ExternalId": external_id}})
    )
    iam.create_role(RoleName=READ_ONLY_ROLE, AssumeRolePolicyDocument=trust, MaxSessionDuration=3600)
    for name in ("SecurityAudit", "job-function/ViewOnlyAccess"):
        iam.attach_role_policy(RoleName=READ_ONLY_ROLE, PolicyArn=f"arn:aws:iam::aws:policy/{name}")


def roles(account):
    """Trust of every shape: services, another account, an organization, a federation, and anyone at all."""
    iam = account.client("iam")
    service_role(account, "web-server", "ec2.amazonaws.com", ["s3:GetObject"])
    service_role(account, "task-runner", "ecs-tasks.amazonaws.com", ["ecr:GetAuthorizationToken", "logs:PutLogEvents"])
    service_role(account, "function-runner", "lambda.amazonaws.com", ["logs:PutLogEvents"])
    service_role(account, "cluster", "eks.amazonaws.com", ["ec2:DescribeInstances"])
    service_role(account, "flow-logs", "vpc-flow-logs.amazonaws.com", ["logs:PutLogEvents"])
    iam.create_instance_profile(InstanceProfileName="web-server")
    iam.add_role_to_instance_profile(InstanceProfileName="web-server", RoleName="web-server")
    org_only = {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorgid"}}
    trusting(iam, "SharedTooling", {"AWS": "*"}, org_only)
    trusting(iam, "Breakglass", {"AWS": account.arn("iam", "root")}, {"Bool": {"aws:MultiFactorAuthPresent": "true"}})
    if account.careful:
        trusting(iam, "SupportDesk", {"AWS": account.arn("iam", "root")}, None)
        iam.attach_role_policy(RoleName="SupportDesk", PolicyArn="arn:aws:iam::aws:policy/AWSSupportAccess")
    if not account.careful:
        trusting(iam, "PartnerAudit", {"AWS": "arn:aws:iam::999999999999:root"}, None)
        service_role(account, "everything", "ec2.amazonaws.com", ["*"])
        iam.create_instance_profile(InstanceProfileName="everything")
        iam.add_role_to_instance_profile(InstanceProfileName="everything", RoleName="everything")
    if account.careless:
        trusting(iam, "LegacyVendor", {"AWS": "*"}, None)
        iam.attach_role_policy(RoleName="LegacyVendor", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
        iam.attach_role_policy(RoleName="LegacyVendor", PolicyArn="arn:aws:iam::aws:policy/AWSCloudShellFullAccess")


def trusting(iam, name, principal, condition):
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(allow("sts:AssumeRole", None, principal, condition)))


def service_role(account, name, service, actions):
    iam = account.client("iam")
    trusting(iam, name, {"Service": service}, None)
    iam.put_role_policy(RoleName=name, PolicyName="work", PolicyDocument=policy(allow(actions)))


def federation(account):
    """A SAML provider, and a pipeline's OpenID provider with a role that pins the pipeline or, badly, does not."""
    iam = account.client("iam")
    if account.careful:
        iam.create_saml_provider(Name="workforce", SAMLMetadataDocument=SAML_METADATA)
        return
    url = "pipelines.example.com"
    arn = iam.create_open_id_connect_provider(Url=f"https://{url}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["6" * 40])
    subject = {True: "repo:harbor-lane/shop:ref:refs/heads/main", False: "repo:*"}
    for safe in account.variants:
        match = {"StringLike": {f"{url}:sub": subject[safe]}}
        trust = allow("sts:AssumeRoleWithWebIdentity", None, {"Federated": arn["OpenIDConnectProviderArn"]}, match)
        iam.create_role(RoleName=f"pipeline-{'shop' if safe else 'any'}", AssumeRolePolicyDocument=policy(trust))


def server_certificates(account):
    """A certificate kept in IAM. moto does not read it: it says 2012-05-08 for the end of every one, so only some accounts have it."""
    if not account.careful:
        body, key = certificate("shop.example.com", days=365)
        account.client("iam").upload_server_certificate(ServerCertificateName="shop", CertificateBody=body, PrivateKey=key)


def certificate(host, days):
    """A self-signed certificate and its key as PEM, ending `days` from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    end = datetime.now(timezone.utc) + timedelta(days=days)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    signed = builder.serial_number(1000).not_valid_before(end - timedelta(days=400)).not_valid_after(end).sign(key, hashes.SHA256())
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return signed.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def root_user(account):
    lab(account, "root", mfa=account.careful, key=account.careless, password_used_days=400 if account.careful else 3)


def lab(account, action, **body):
    """Asks the lab's own server for what moto's API cannot express."""
    data = json.dumps({"account": account.id, **body}).encode()
    request = Request(f"{account.endpoint}/lab/{action}", data, {"Content-Type": "application/json"})
    urlopen(request, timeout=10).close()


def seed(account, management_id, external_id):
    """Everything above for one account."""
    root_user(account)
    contacts(account)
    password_policy(account)
    groups(account)
    managed_policies(account)
    users(account)
    read_only_role(account, management_id, external_id)
    roles(account)
    federation(account)
    server_certificates(account)
