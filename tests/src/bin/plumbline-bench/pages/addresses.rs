//! The pages that are asked for: every page of the product that shows a list, and the addresses of each.

use plumbline_core::id::TenantId;
use sqlx::PgConnection;
use url::form_urlencoded::Serializer;

/// A page, and the addresses at which it is asked for in turn.
type Page = (&'static str, Vec<String>);

/// All of them, of one tenant.
pub(super) async fn of(admin: &mut PgConnection, tenant: TenantId) -> anyhow::Result<Vec<Page>> {
    let known = Known::read(admin, tenant).await?;
    Ok([posture(&known), queue(&known), findings(&known), words(&known), triage(&known), inventory(&known), settings()]
        .into_iter()
        .flatten()
        .collect())
}

/// What there is to ask for.
struct Known {
    findings: Vec<String>,
    /// Open ones in the middle of the ranking, as places in it.
    deep: Vec<String>,
    resources: Vec<String>,
    names: Vec<String>,
    accounts: Vec<String>,
    checks: Vec<String>,
    fixes: Vec<String>,
    plans: Vec<String>,
    paths: Vec<String>,
    exceptions: Vec<String>,
    changes: Vec<String>,
    sources: Vec<String>,
}

impl Known {
    async fn read(admin: &mut PgConnection, tenant: TenantId) -> anyhow::Result<Self> {
        let mut column = async |sql: &'static str| -> anyhow::Result<Vec<String>> {
            Ok(sqlx::query_scalar(sql).bind(tenant.0).fetch_all(&mut *admin).await?)
        };
        Ok(Self {
            findings: column(
                "select finding_id::text from findings where tenant_id = $1 and finding_id > md5('bench')::uuid
                 order by finding_id limit 100",
            )
            .await?,
            deep: column(
                "select risk || '-' || finding_id from findings where tenant_id = $1 and state = 'open'
                 order by risk desc, finding_id
                 offset (select sum(findings) / 2 from finding_counts where tenant_id = $1 and state = 'open') limit 1",
            )
            .await?,
            resources: column(
                "select resource_id::text from resources where tenant_id = $1 and resource_id > md5('bench')::uuid
                 order by resource_id limit 100",
            )
            .await?,
            names: column(
                "select substr(name, 1, position('-' in name) + 3) from resources where tenant_id = $1
                 and resource_id > md5('name')::uuid order by resource_id limit 10",
            )
            .await?,
            accounts: column(
                "select account from resource_counts where tenant_id = $1 group by account order by account limit 10",
            )
            .await?,
            checks: column(
                "select check_id from check_states where tenant_id = $1 group by check_id order by 1 limit 10",
            )
            .await?,
            fixes: column(
                "select fix_id::text from fixes where tenant_id = $1 and open_findings > 0 order by gain desc, fix_id limit 20",
            )
            .await?,
            plans: column("select plan_id::text from plans where tenant_id = $1 limit 10").await?,
            paths: column("select path_id::text from attack_paths where tenant_id = $1 order by path_id limit 20").await?,
            exceptions: column(
                "select exception_id::text from exceptions where tenant_id = $1 order by exception_id limit 20",
            )
            .await?,
            changes: column(
                "select to_char(at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') || '&cause=' || cause
                 from score_ledger where tenant_id = $1 order by at desc limit 10",
            )
            .await?,
            sources: column("select source_id::text from sources where tenant_id = $1").await?,
        })
    }
}

fn each(prefix: &str, values: &[String]) -> Vec<String> {
    values.iter().map(|value| format!("{prefix}{value}")).collect()
}

fn one(path: &str) -> Vec<String> {
    vec![path.to_owned()]
}

/// The list of findings of each line of words.
fn of_words<const N: usize>(lines: [&str; N]) -> Vec<String> {
    lines.map(|line| format!("/findings?{}", Serializer::new(String::new()).append_pair("q", line).finish())).to_vec()
}

fn posture(known: &Known) -> Vec<Page> {
    vec![
        ("posture", one("/posture")),
        ("why the score changed", one("/posture/changes")),
        ("one change of the score", each("/posture/change?at=", &known.changes)),
        ("scores of groups", one("/posture/groups")),
        ("compliance", one("/compliance")),
        ("one framework", one("/compliance/cis_aws_5.0")),
        ("one control", one("/compliance/cis_aws_5.0/2.1.1")),
    ]
}

fn queue(known: &Known) -> Vec<Page> {
    vec![
        ("fixes", one("/fixes")),
        (
            "fixes by risk, by paths, by day",
            ["risk", "paths", "due"].map(|sort| format!("/fixes?sort={sort}")).to_vec(),
        ),
        ("one fix", each("/fixes/", &known.fixes)),
        ("a plan to a score", ["55", "70", "85"].map(|target| format!("/plan?target={target}")).to_vec()),
        ("a plan that is kept", each("/plans/", &known.plans)),
        ("what if", one("/what-if")),
        ("what if some fixes were done", each("/what-if?fix=", &known.fixes)),
        ("attack paths", one("/paths")),
        ("one attack path", each("/paths/", &known.paths)),
    ]
}

fn findings(known: &Known) -> Vec<Page> {
    let severities = ["critical", "high", "medium", "low"].map(str::to_owned);
    vec![
        ("findings", one("/findings")),
        ("findings by severity", each("/findings?severity=", &severities)),
        ("findings by account", each("/findings?account=", &known.accounts)),
        ("findings by check", each("/findings?check=", &known.checks)),
        (
            "findings by severity, exposure and region",
            each("/findings?exposure=internet&region=eu-west-1&severity=", &severities),
        ),
        ("findings in every state", one("/findings?state=any")),
        ("findings by day", ["newest", "oldest", "due"].map(|sort| format!("/findings?sort={sort}")).to_vec()),
        ("findings of which there are none", one("/findings?region=nowhere&severity=high")),
        ("findings searched by check", of_words(["encrypt", "public", "logging"])),
        ("findings searched by resource", each("/findings?q=", &known.names)),
        ("findings, a page in the middle", each("/findings?after=", &known.deep)),
        ("findings of a severity, a page in the middle", each("/findings?severity=medium&after=", &known.deep)),
        ("one finding", each("/findings/", &known.findings)),
    ]
}

/// By what no sums are kept of, each by itself: they have little in common but that.
fn words(known: &Known) -> Vec<Page> {
    vec![
        ("findings by age", of_words(["age<1d", "age>30d", "age>85d"])),
        ("findings that are overdue", of_words(["overdue", "overdue severity:critical", "overdue severity:low"])),
        ("findings of nobody", of_words(["unassigned"])),
        ("findings of mine, of a team", of_words(["owner:me", "team:team-7", "team:team-7 severity:high"])),
        (
            "findings of mine, of a team, by day",
            ["owner:me", "team:team-7"]
                .map(|line| {
                    let words = Serializer::new(String::new()).append_pair("q", line).finish();
                    format!("/findings?sort=due&{words}")
                })
                .to_vec(),
        ),
        ("findings by likelihood", of_words(["likelihood:exploited", "likelihood:exploited exposure:internet"])),
        ("findings by stage", of_words(["stage:in_progress", "stage:awaiting_proof severity:high"])),
        ("findings by key", of_words(["key:cloud", "key:cloud severity>=high exposure:internet age>30d"])),
        ("findings by a tag of many", of_words(["tag:team=team-7", "tag:team=team-7 severity:high"])),
        ("findings by a rare tag", of_words(["tag:tier=rare", "tag:tier=rare severity:high"])),
        ("findings by the beginning of a name", each("/findings?q=resource:", &known.names)),
        ("findings on attack paths", of_words(["path:yes", "path:yes severity:critical"])),
        ("findings by patterns", of_words(["account:1000000000*", "-region:us-*", "check:aws_s3_*"])),
    ]
}

fn triage(known: &Known) -> Vec<Page> {
    vec![
        ("exceptions", one("/exceptions")),
        ("one exception", each("/exceptions/", &known.exceptions)),
        ("an exception to be asked for", each("/exceptions/new?finding=", &known.findings)),
        ("what is late", one("/sla")),
        ("inbox", one("/inbox")),
        ("what was done to many", one("/bulk")),
        ("views", one("/views")),
        (
            "completions of a filter",
            ["acc", "tag:te", "account:1", "team:"].map(|q| format!("/findings/complete?q={q}")).to_vec(),
        ),
    ]
}

fn inventory(known: &Known) -> Vec<Page> {
    vec![
        ("inventory", one("/resources")),
        ("inventory by kind and account", each("/resources?kind=aws.s3.bucket&account=", &known.accounts)),
        (
            "inventory by region",
            ["eu-west-1", "sa-east-1"].map(|region| format!("/resources?region={region}")).to_vec(),
        ),
        ("inventory searched by name", each("/resources?q=", &known.names)),
        ("one resource", each("/resources/", &known.resources)),
        (
            "the stack around one resource",
            each("/resources/", &known.resources).iter().map(|path| format!("{path}/stack")).collect(),
        ),
        ("flaws", one("/flaws")),
        ("components", one("/components")),
        ("sources", one("/sources")),
        ("one source", each("/sources/", &known.sources)),
    ]
}

fn settings() -> Vec<Page> {
    vec![(
        "owners and teams",
        ["owners", "teams", "sla", "groups", "criticality"].map(|page| format!("/settings/{page}")).to_vec(),
    )]
}
