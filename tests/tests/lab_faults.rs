//! Faults between the collector and the cloud: whatever is lost from sight becomes unknown, and nothing closes.

use anyhow::Result;
use plumbline_aws::AwsCollector;
use plumbline_tests::fault_proxy::{Asked, Fault, FaultProxy};
use plumbline_tests::lab::{self, StandIn, hasty_collector, retrying_collector};
use plumbline_tests::polling::{Picture, Polling};
use sqlx::PgPool;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const HOME: &str = "eu-west-1";

/// A polled source behind a proxy.
struct Bench {
    proxy: FaultProxy,
    polling: Polling,
    /// After a first poll without faults.
    clean: Picture,
    _stand_in: StandIn,
}

impl Bench {
    /// Polls once with all patience and no faults; the proxy remembers the answers, and later polls are quick.
    async fn new(pool: PgPool, regions: &[&str], collector: AwsCollector) -> Result<Self> {
        let stand_in = StandIn::start(&regions.join(","))?;
        let estate = stand_in.seed_small()?;
        let proxy = FaultProxy::start(&stand_in.endpoint).await?;
        let mut polling = Polling::new(pool, lab::collector(), &estate.one_account(&proxy.endpoint, regions)).await?;
        let clean = polling.poll().await?;
        assert!(clean.verdicts.values().any(|verdict| verdict == "pass"));
        assert!(clean.findings.values().any(|state| state == "open"));
        polling.collect_with(collector);
        Ok(Self { proxy, polling, clean, _stand_in: stand_in })
    }

    /// A poll with the faults that were set: sight is lost, and nothing else. The faults end with it.
    async fn poll_through(&self) -> Result<Picture> {
        let dark = self.polling.poll().await?;
        dark.assert_only_lost_sight_since(&self.clean);
        self.proxy.calm();
        Ok(dark)
    }

    /// A poll without faults sees what the first one saw.
    async fn restore(&self) -> Result<()> {
        self.proxy.calm();
        self.polling.poll().await?.assert_same_as(&self.clean);
        Ok(())
    }

    /// The scopes that this picture does not see and the clean one does.
    fn darkened<'a>(&'a self, dark: &'a Picture) -> BTreeSet<&'a str> {
        dark.blind().difference(&self.clean.blind()).copied().collect()
    }
}

fn service(name: &'static str) -> impl Fn(&Asked) -> bool + Send + Sync + 'static {
    move |asked| asked.service == name
}

#[sqlx::test(migrations = "../migrations")]
async fn faults_that_pass_are_waited_out(pool: PgPool) -> Result<()> {
    let bench = Bench::new(pool, &[HOME], retrying_collector()).await?;
    for name in ["sns", "logs", "lambda", "monitoring", "ec2"] {
        bench.proxy.fault_times(2, Fault::Throttled, service(name));
    }
    bench.proxy.fault_times(1, Fault::Throttled, |asked| asked.service == "s3" && asked.path.starts_with("/?"));
    bench.proxy.fault_times(2, Fault::Status(500), service("sqs"));
    bench.proxy.fault_times(2, Fault::Status(503), service("ecr"));
    bench.proxy.fault_times(1, Fault::Reset, service("rds"));
    bench.proxy.fault_times(1, Fault::CutOff, service("elasticfilesystem"));
    bench.proxy.fault_times(1, Fault::Empty, service("kms"));

    let picture = bench.polling.poll().await?;

    assert_eq!(bench.proxy.faults_left(), 0, "every fault was met");
    picture.assert_same_as(&bench.clean);
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn faults_that_last_end_as_failed_never_as_denied_or_complete(pool: PgPool) -> Result<()> {
    let bench = Bench::new(pool, &[HOME], hasty_collector()).await?;
    let faults = [
        ("sns", "sns.topics", Fault::Throttled),
        ("logs", "logs.", Fault::Throttled),
        ("lambda", "lambda.functions", Fault::Throttled),
        ("monitoring", "cloudwatch.", Fault::Throttled),
        ("s3", "s3.buckets", Fault::Throttled),
        ("sqs", "sqs.queues", Fault::Status(500)),
        ("cloudtrail", "cloudtrail.", Fault::Status(502)),
        ("ecr", "ecr.repositories", Fault::Reset),
        ("kms", "kms.keys", Fault::Empty),
        ("ecs", "ecs.clusters", Fault::Empty),
        ("dynamodb", "dynamodb.tables", Fault::CutOff),
        ("elasticloadbalancing", "elb.", Fault::CutOff),
        ("secretsmanager", "secretsmanager.", Fault::Half),
        ("rds", "rds.instances", Fault::Half),
        ("elasticfilesystem", "efs.", Fault::Empty),
        ("autoscaling", "autoscaling.", Fault::Hangs),
    ];
    for (name, _, fault) in faults.clone() {
        bench.proxy.fault(fault, service(name));
    }

    let dark = bench.poll_through().await?;

    for (name, reader, _) in faults {
        assert_eq!(dark.outcomes(reader), BTreeSet::from(["failed"]), "{name}");
    }
    assert_eq!(dark.outcomes("iam."), BTreeSet::from(["complete"]), "the others are read");
    assert!(dark.coverage < bench.clean.coverage);
    bench.restore().await
}

#[sqlx::test(migrations = "../migrations")]
async fn a_refusal_is_denied_for_each_service_and_names_the_permission(pool: PgPool) -> Result<()> {
    let bench = Bench::new(pool, &[HOME], hasty_collector()).await?;

    // Everything but what finds the account and its regions.
    bench.proxy.fault(Fault::Denied, |asked| asked.service != "sts" && asked.action != "DescribeRegions");
    let dark = bench.poll_through().await?;
    let services: BTreeSet<&str> =
        dark.scopes.keys().filter_map(|scope| scope.rsplit('/').next()?.split('.').next()).collect();
    assert!(services.len() > 25, "{services:?}");
    let strange: Vec<_> = dark
        .scopes
        .iter()
        .filter(|(_, (outcome, permission))| outcome != "denied" || !permission.contains(':'))
        .filter(|(scope, _)| !is_one_thing(scope))
        .collect();
    assert!(strange.is_empty(), "neither denied nor whole: {strange:#?}");

    let refused = [("iam", "iam.users"), ("s3", "s3.buckets"), ("sns", "sns.topics"), ("guardduty", "guardduty.")];
    for (name, _) in refused {
        bench.proxy.fault(Fault::Denied, service(name));
    }
    let dark = bench.poll_through().await?;
    for (name, reader) in refused {
        assert_eq!(dark.outcomes(reader), BTreeSet::from(["denied"]), "{name}");
    }
    let elsewhere = |scope: &&&str| !refused.iter().any(|(name, _)| scope.contains(&format!("/{name}.")));
    let darkened = bench.darkened(&dark);
    assert_eq!(darkened.iter().filter(elsewhere).count(), 0, "these services alone: {darkened:?}");

    // One attribute of a thing that is listed all the same.
    bench.proxy.fault(Fault::Denied, |asked| asked.service == "s3" && asked.path.contains("?policy"));
    let dark = bench.poll_through().await?;
    assert!(bench.darkened(&dark).is_empty());
    let public = "aws_s3_bucket_policy_not_public";
    let verdicts: BTreeSet<&str> =
        dark.verdicts.iter().filter(|((_, id), _)| id == public).map(|(_, verdict)| verdict.as_str()).collect();
    assert_eq!(verdicts, BTreeSet::from(["unknown"]));
    bench.restore().await
}

#[sqlx::test(migrations = "../migrations")]
async fn a_region_that_hangs_is_given_up_and_the_others_are_read(pool: PgPool) -> Result<()> {
    let bench = Bench::new(pool, &[HOME, "ap-southeast-2"], hasty_collector()).await?;
    bench.proxy.fault(Fault::Hangs, |asked| asked.region == "ap-southeast-2");

    let began = Instant::now();
    let dark = bench.poll_through().await?;

    // Twelve calls at a time wait for seven seconds, once; each of sixty scopes in turn would be minutes.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert!(dark.blind().iter().any(|scope| scope.contains("/ap-southeast-2/")));
    assert!(
        bench.darkened(&dark).iter().all(|scope| scope.contains("/ap-southeast-2/")),
        "{:?}",
        bench.darkened(&dark)
    );
    let of_region = dark.scopes.iter().filter(|(scope, _)| scope.contains("/ap-southeast-2/") && !is_one_thing(scope));
    let strange: Vec<_> = of_region.filter(|(_, (outcome, _))| outcome != "failed").collect();
    assert!(strange.is_empty(), "not failed: {strange:#?}");
    bench.restore().await
}

#[sqlx::test(migrations = "../migrations")]
async fn a_listing_that_is_cut_short_is_not_complete(pool: PgPool) -> Result<()> {
    let bench = Bench::new(pool, &[HOME], hasty_collector()).await?;

    // More to come, and no word of where.
    bench.proxy.fault(Fault::Changed(says_there_is_more), service("iam"));
    // A second page that does not come.
    bench.proxy.fault(Fault::Status(500), |asked| asked.service == "logs" && says(asked, "second-page"));
    bench.proxy.fault(Fault::Changed(leads_to_a_second_page), |asked| asked.action == "DescribeLogGroups");
    let dark = bench.poll_through().await?;
    for reader in ["iam.users", "iam.roles", "iam.groups", "iam.policies", "logs.log_groups"] {
        assert_eq!(dark.outcomes(reader), BTreeSet::from(["failed"]), "{reader}");
    }

    // A second page that leads to itself.
    bench.proxy.fault(Fault::Changed(leads_to_a_second_page), |asked| {
        asked.action == "DescribeLogGroups" && !says(asked, "second-page")
    });
    bench.proxy.fault(Fault::Changed(|_| r#"{"logGroups":[],"nextToken":"second-page"}"#.to_owned()), |asked| {
        asked.action == "DescribeLogGroups"
    });
    let dark = bench.poll_through().await?;
    assert_eq!(dark.outcomes("logs.log_groups"), BTreeSet::from(["failed"]));
    bench.restore().await
}

/// What is one thing for the account or the region is there all the same, with nothing read of it: no call lists it.
fn is_one_thing(scope: &str) -> bool {
    ["account.account", "ec2.region", "iam.root", "s3.account", "ssm.settings"]
        .iter()
        .any(|reader| scope.ends_with(reader))
}

fn says(asked: &Asked, text: &str) -> bool {
    String::from_utf8_lossy(&asked.body).contains(text)
}

fn says_there_is_more(answer: &str) -> String {
    answer.replace("<IsTruncated>false</IsTruncated>", "<IsTruncated>true</IsTruncated>")
}

fn leads_to_a_second_page(answer: &str) -> String {
    answer.strip_suffix('}').map_or_else(String::new, |open| format!(r#"{open},"nextToken":"second-page"}}"#))
}
