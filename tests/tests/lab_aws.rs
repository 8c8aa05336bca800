//! The AWS collector against the stand-in cloud.

use anyhow::Result;
use plumbline_core::collect::Collector;
use plumbline_core::kind::Kinds;
use plumbline_core::resource::Resource;
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_tests::fault_proxy::FaultProxy;
use plumbline_tests::lab::{Estate, Read, StandIn, collector, read};
use plumbline_tests::polling::{Picture, Polling};
use serde_json::Value;
use sqlx::PgPool;
use std::collections::{BTreeMap, BTreeSet};

/// One test, since the estate takes half a minute to seed and as long to read: first what the collector said, and then
/// what the product made of it.
#[sqlx::test(migrations = "../migrations")]
async fn an_organization_is_read_to_the_end_and_what_is_wrong_in_it_is_found(pool: PgPool) -> Result<()> {
    let stand_in = StandIn::start("eu-west-1,us-east-1,ap-southeast-2")?;
    let proxy = FaultProxy::start(&stand_in.endpoint).await?;
    let estate = Estate { endpoint: proxy.endpoint.clone(), ..stand_in.seed()? };

    let read = read(&collector(), &estate.organization()).await?;
    every_attribute_is_read_or_says_why_not(&read);
    edges_are_those_of_the_catalogue(&read);
    every_scope_that_was_planned_ends_once(&read);
    nothing_is_read_twice_with_different_content(&read);
    all_accounts_and_regions_are_read(&read, &estate);
    only_what_the_stand_in_does_not_know_fails(&read);

    let polling = Polling::new(pool, collector(), &estate.organization()).await?;
    let picture = polling.poll().await?;
    what_is_wrong_is_found(&picture);
    what_is_right_passes(&picture);
    Ok(())
}

fn every_attribute_is_read_or_says_why_not(read: &Read) {
    let missing: BTreeSet<String> = read
        .resources
        .iter()
        .flat_map(|one| declared(one).map(move |name| (one, name)))
        .filter(|(one, name)| !one.attributes.contains_key(*name) && !one.unread.contains_key(*name))
        .map(|(one, name)| format!("{} {name}", one.kind))
        .collect();
    assert!(missing.is_empty(), "neither read nor unread: {missing:#?}");
    let both: Vec<_> =
        read.resources.iter().filter(|one| one.unread.keys().any(|name| one.attributes.contains_key(name))).collect();
    assert!(both.is_empty(), "read and unread: {both:#?}");
}

fn declared(one: &Resource) -> impl Iterator<Item = &'static String> + use<> {
    let kind = Kinds::builtin().get(&one.kind).unwrap_or_else(|| panic!("{} is no kind of the catalogue", one.kind));
    kind.attributes.iter().chain(kind.details.keys())
}

fn edges_are_those_of_the_catalogue(read: &Read) {
    let strange: BTreeSet<String> = read
        .resources
        .iter()
        .flat_map(|one| one.edges.iter().map(move |edge| (one.kind.as_str(), edge.relation.as_str())))
        .filter(|(kind, relation)| {
            let known = Kinds::builtin().get(kind).expect("a kind");
            !known.edges.iter().any(|edge| edge == relation)
        })
        .map(|(kind, relation)| format!("{kind} {relation}"))
        .collect();
    assert!(strange.is_empty(), "{strange:#?}");
}

fn every_scope_that_was_planned_ends_once(read: &Read) {
    let planned: BTreeSet<&ScopeKey> = read.planned.iter().collect();
    assert_eq!(planned.len(), read.planned.len(), "nothing is planned twice");
    let ended: BTreeSet<&ScopeKey> = read.ended.iter().map(|(scope, _)| scope).collect();
    assert_eq!(ended.len(), read.ended.len(), "nothing ends twice");
    let differ: Vec<_> = planned.symmetric_difference(&ended).collect();
    assert!(differ.is_empty(), "planned or ended alone: {differ:#?}");
}

fn nothing_is_read_twice_with_different_content(read: &Read) {
    let mut known: BTreeMap<&str, &Resource> = BTreeMap::new();
    for one in &read.resources {
        let before = known.entry(&one.uid).or_insert(one);
        assert_eq!(*before, one);
    }
}

fn all_accounts_and_regions_are_read(read: &Read, estate: &Estate) {
    let accounts: BTreeSet<&str> = read.planned.iter().map(|scope| scope.account.as_str()).collect();
    assert_eq!(accounts, estate.accounts.iter().map(String::as_str).collect());
    for account in accounts {
        let of_account = |one: &&Resource| one.kind == "aws.ec2.security_group" && one.scope.account == account;
        let regions: BTreeSet<&str> = read.resources.iter().filter(of_account).map(|one| one.region.as_str()).collect();
        assert_eq!(regions, estate.regions.iter().map(String::as_str).collect(), "{account}");
    }
}

/// What moto has no answer for stays failed, and nothing else does: `tests/lab/README.md` lists it.
fn only_what_the_stand_in_does_not_know_fails(read: &Read) {
    let failed: BTreeSet<&str> = read
        .ended
        .iter()
        .filter(|(_, outcome)| !outcome.is_complete())
        .map(|(scope, _)| scope.reader.as_str())
        .collect();
    assert_eq!(failed, BTreeSet::from(["eks.addons", "eks.pod_identity_associations"]));
}

fn verdict<'a>(picture: &'a Picture, uid_ends: &str, check: &str) -> &'a str {
    let of = |(uid, id): &(String, String)| id == check && uid.ends_with(uid_ends);
    let found: Vec<&str> =
        picture.verdicts.iter().filter(|(key, _)| of(key)).map(|(_, verdict)| verdict.as_str()).collect();
    assert_eq!(found.len(), 1, "{check} on what ends in {uid_ends}: {found:?}");
    found[0]
}

fn what_is_wrong_is_found(picture: &Picture) {
    for (uid, check) in [
        (":harbor-lane-sandbox-uploads-eu-west-1", "aws_s3_bucket_policy_not_public"),
        (":harbor-lane-sandbox-handouts-eu-west-1", "aws_s3_bucket_acl_not_public"),
        (":user/trainee", "aws_iam_user_console_mfa_enabled"),
        (":user/trainee", "aws_iam_user_not_administrator"),
        (":role/LegacyVendor", "aws_iam_role_trust_not_public"),
        (":role/pipeline-any", "aws_iam_role_oidc_subject_pinned"),
    ] {
        let failing =
            picture.verdicts.iter().any(|((at, id), verdict)| id == check && at.ends_with(uid) && verdict == "fail");
        assert!(failing, "{check} fails on {uid}");
    }
    for check in [
        "aws_ec2_security_group_ssh_closed_to_ipv4",
        "aws_ec2_security_group_rdp_closed_to_ipv6",
        "aws_ec2_snapshot_not_public",
        "aws_rds_instance_not_public",
        "aws_lambda_function_url_authenticated",
        "aws_iam_root_no_access_keys",
        "aws_cloudtrail_records_all_regions",
    ] {
        let (failed, passed) = (count(picture, check, "fail"), count(picture, check, "pass"));
        assert!(failed > 0, "{check} fails somewhere");
        assert!(passed > 0, "{check} passes somewhere");
    }
}

fn count(picture: &Picture, check: &str, verdict: &str) -> usize {
    picture.verdicts.iter().filter(|((_, id), found)| id == check && *found == verdict).count()
}

fn what_is_right_passes(picture: &Picture) {
    assert_eq!(verdict(picture, "::111111111111:user/night-desk", "aws_iam_user_console_mfa_enabled"), "pass");
    assert_eq!(verdict(picture, ":harbor-lane-ledger-eu-west-1", "aws_s3_bucket_versioning"), "pass");
    // Alarms are read through a protocol of their own.
    assert!(count(picture, "aws_cloudwatch_alarms_on_root_use", "pass") > 0);
    assert!(count(picture, "aws_cloudwatch_alarms_on_root_use", "fail") > 0);
    assert!(count(picture, "aws_accessanalyzer_external_access_enabled", "pass") > 0);
}

#[tokio::test]
async fn one_missing_permission_is_named_and_darkens_what_it_lists_alone() -> Result<()> {
    let stand_in = StandIn::start("eu-west-1")?;
    let estate = stand_in.seed_small()?;
    let connection = estate.one_account(&stand_in.endpoint, &["eu-west-1"]);
    let mut policy: Value = serde_json::from_str(&collector().access(&connection.settings)[0].text)?;
    let actions = policy["Statement"][0]["Action"].as_array_mut().expect("the policy's actions");
    actions.retain(|action| action != "sqs:ListQueues" && action != "ecr:GetRepositoryPolicy");

    stand_in.allow_only(&estate, &policy.to_string()).await?;
    let read = read(&collector(), &connection).await?;

    let outcomes = read.outcomes();
    let of = |reader: &str| {
        let (_, outcome) = outcomes.iter().find(|(scope, _)| scope.reader == reader).expect("the scope ends");
        (*outcome).clone()
    };
    assert!(matches!(of("sqs.queues"), Outcome::Denied { permission, .. } if permission == "sqs:ListQueues"));
    assert_eq!(of("sns.topics"), Outcome::Complete);
    assert_eq!(of("ecr.repositories"), Outcome::Complete);
    let repository = read.resource("aws.ecr.repository", "shop/api");
    let unread = repository.unread.values().next().expect("an attribute that could not be read");
    assert_eq!((unread.permission.as_str(), unread.denied), ("ecr:GetRepositoryPolicy", true));
    Ok(())
}
