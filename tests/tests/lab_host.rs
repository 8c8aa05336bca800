//! A host and its agent, from the token to the finding: who is let in, what is believed, and what is lost when nobody comes.

use actix_web::test::TestRequest;
use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::role::Role;
use plumbline_host::agent::{Agent, AgentError, Host};
use plumbline_host::report::Report;
use plumbline_server::feeds::{self, FeedKind};
use plumbline_tests::host::{FakeHost, Hosted};
use plumbline_tests::polling::{Picture, picture};
use plumbline_tests::{Answer, Browser};
use sqlx::PgPool;
use std::collections::BTreeSet;
use std::io::Write;
use tempfile::TempDir;

/// A product, a host, and an owner who connected it.
struct Lab {
    hosted: Hosted,
    host: FakeHost,
    state: TempDir,
    owner: Browser,
    /// `/sources/…`
    href: String,
}

impl Lab {
    async fn start(pool: PgPool) -> Result<Self> {
        let hosted = Hosted::start(pool).await?;
        let mut owner = hosted.app.owner().await;
        let fields = [("provider", "host"), ("name", "web-1"), ("poll_seconds", "3600")];
        let connected = owner.send_form("/sources", &fields).await;
        assert_eq!(connected.status, 303, "{}", connected.body);
        let href = connected.location().to_owned();
        Ok(Self { hosted, host: FakeHost::make()?, state: tempfile::tempdir()?, owner, href })
    }

    /// The token in the command that the host's page prints.
    async fn token(&mut self) -> Result<String> {
        let page = self.owner.send_form(&format!("{}/agent/token", self.href), &[]).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let command = page.texts("pre").into_iter().next().context("a command")?;
        let after = command.split("PLUMBLINE_AGENT_TOKEN=").nth(1).context("a token in it")?;
        Ok(after.split_whitespace().next().context("the token")?.to_owned())
    }

    async fn open(&self, token: Option<&str>) -> Result<Agent, AgentError> {
        let options = self.hosted.agent(self.host.root(), self.state.path(), token);
        Agent::open(options, self.hosted.clock()).await
    }

    async fn enrolled(&mut self) -> Result<Agent> {
        let token = self.token().await?;
        Ok(self.open(Some(&token)).await?)
    }

    /// A report a minute later, and what there is to see after it.
    async fn report(&self, agent: &mut Agent) -> Result<Picture> {
        self.hosted.app.pass(TimeDelta::minutes(1));
        agent.once().await?;
        self.hosted.work().await?;
        picture(&self.hosted.app.pool).await
    }

    /// A packed report of the host as it is, as if made at an instant.
    fn packed(&self, made_at: DateTime<Utc>) -> Result<Vec<u8>> {
        Ok(Host::at(self.host.root()).report("0", "fallback-id", made_at).pack()?)
    }

    /// What the agent shows, as it is kept on its disk.
    fn credential(&self) -> Result<String> {
        let kept: serde_json::Value =
            serde_json::from_slice(&std::fs::read(self.state.path().join("enrolment.json"))?)?;
        Ok(kept["credential"].as_str().context("a credential")?.to_owned())
    }

    /// Sends anything as a report.
    async fn send(&self, credential: &str, made_at: &str, body: Vec<u8>) -> Answer {
        // The limits go by the same clock.
        self.hosted.app.pass(TimeDelta::seconds(30));
        let request = TestRequest::post()
            .uri("/agent/report")
            .insert_header(("Authorization", format!("Bearer {credential}")))
            .insert_header(("Accept", "application/json"))
            .insert_header(("Plumbline-Made-At", made_at.to_owned()))
            .set_payload(body);
        self.hosted.app.anonymous().send(request).await
    }

    fn now(&self) -> DateTime<Utc> {
        self.hosted.clock().now()
    }
}

fn of<'a>(picture: &'a Picture, verdict: &str) -> BTreeSet<&'a str> {
    let found = picture.verdicts.iter().filter(|(_, found)| *found == verdict);
    found.map(|((_, check), _)| check.as_str()).collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_host_is_enrolled_judged_and_followed(pool: PgPool) -> Result<()> {
    let mut lab = Lab::start(pool).await?;
    let page = lab.owner.get(&lab.href.clone()).await;
    assert!(page.body.contains("none yet"), "nothing was reported");
    let token = lab.token().await?;
    let mut agent = lab.open(Some(&token)).await?;
    assert!(matches!(lab.open(Some(&token)).await, Err(AgentError::Refused(_))), "a token works once");

    let first = lab.report(&mut agent).await?;
    let failing = of(&first, "fail");
    for check in [
        "host_docker_api_needs_client_certificate",
        "host_docker_group_is_empty",
        "host_docker_no_new_privileges",
        "host_kernel_hardened",
        "host_runs_few_services",
        "host_separate_partitions",
    ] {
        assert!(failing.contains(check), "{check}: {failing:?}");
    }
    let passing = of(&first, "pass");
    for check in [
        "host_docker_logs_at_info",
        "host_docker_no_userland_proxy",
        "host_file_daemon_json_mode",
        "host_has_security_module",
    ] {
        assert!(passing.contains(check), "{check}: {passing:?}");
    }
    assert!(of(&first, "unknown").contains("host_no_high_flaws"), "no advisories were imported");
    assert!(failing.contains("host_audits_etc_docker"), "a rule that no daemon loads watches nothing");
    assert_eq!(lab.hosted.work().await?, 0);
    assert_eq!(lab.report(&mut agent).await?, first, "the same again changes nothing");

    lab.host.put("/etc/group", "root:x:0:\ndocker:x:998:\n")?;
    lab.host.put("/proc/42/cmdline", "/usr/bin/dockerd\0-H\0fd://\0")?;
    lab.host.close("/etc/docker/daemon.json", 0o666)?;
    let mended = lab.report(&mut agent).await?;
    for check in ["host_docker_group_is_empty", "host_docker_api_needs_client_certificate"] {
        assert!(of(&mended, "pass").contains(check), "{check}");
    }
    assert!(of(&mended, "fail").contains("host_file_daemon_json_mode"));

    // A program of the daemon's that cannot be seen any more closes nothing.
    let before: Vec<_> = mended.findings.iter().filter(|(_, state)| *state == "open").collect();
    std::fs::remove_dir_all(lab.host.root().join("proc/1"))?;
    let dark = lab.report(&mut agent).await?;
    assert!(of(&dark, "unknown").contains("host_docker_no_new_privileges"));
    assert!(before.iter().all(|(finding, _)| dark.findings[*finding] == "open"), "{:?}", dark.findings);

    let page = lab.owner.get(&lab.href.clone()).await;
    assert!(page.body.contains("received just now") || page.body.contains("received"), "{}", page.body);
    Ok(())
}

/// One invented advisory on the one package of the host.
const ADVISORY: &str = r#"{
    "id": "DEBIAN-CVE-2026-9001", "modified": "2026-01-01T00:00:00Z", "published": "2026-01-01T00:00:00Z",
    "upstream": ["CVE-2026-9001"], "summary": "plumb believes whoever calls first",
    "severity": [{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }],
    "affected": [{ "package": { "ecosystem": "Debian:12", "name": "plumb" },
        "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": "1.0-2" }] }] }]
}"#;

#[sqlx::test(migrations = "../migrations")]
async fn flaws_of_a_hosts_packages_are_found_without_asking_it_again(pool: PgPool) -> Result<()> {
    let mut lab = Lab::start(pool).await?;
    let mut agent = lab.enrolled().await?;
    let first = lab.report(&mut agent).await?;
    assert!(of(&first, "unknown").contains("host_no_critical_flaws"), "nothing was imported yet");

    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("DEBIAN-CVE-2026-9001.json"), ADVISORY)?;
    let app = &lab.hosted.app;
    feeds::import(&app.database, &app.mint, "debian", FeedKind::Osv, folder.path()).await?;
    lab.hosted.work().await?;
    let known = picture(&app.pool).await?;
    assert!(of(&known, "fail").contains("host_no_critical_flaws"), "{:?}", known.verdicts);
    assert!(of(&known, "pass").contains("host_no_high_flaws"), "and no other class has it");
    let (subject, fix): (String, String) = sqlx::query_as(
        "select f.subject, x.fix_key from findings f join fixes x on x.tenant_id = f.tenant_id and x.fix_id = f.fix_id
         where f.check_id = 'host_no_critical_flaws'",
    )
    .fetch_one(&app.pool)
    .await?;
    assert_eq!((subject.as_str(), fix.as_str()), ("CVE-2026-9001", "host-upgrade-packages"));

    let upgraded = "Package: plumb\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-2\n\n";
    lab.host.put("/var/lib/dpkg/status", upgraded)?;
    let mended = lab.report(&mut agent).await?;
    assert!(of(&mended, "pass").contains("host_no_critical_flaws"));
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn a_host_that_reports_no_more_is_out_of_sight_and_loses_no_finding(pool: PgPool) -> Result<()> {
    let mut lab = Lab::start(pool).await?;
    let mut agent = lab.enrolled().await?;
    let seen = lab.report(&mut agent).await?;

    lab.hosted.app.pass(TimeDelta::hours(2));
    lab.hosted.work().await?;
    let late = picture(&lab.hosted.app.pool).await?;
    assert_eq!((&late.verdicts, &late.scopes), (&seen.verdicts, &seen.scopes), "two intervals are not three");

    lab.hosted.app.pass(TimeDelta::hours(2));
    lab.hosted.work().await?;
    let dark = picture(&lab.hosted.app.pool).await?;
    assert!(dark.verdicts.values().all(|verdict| verdict == "unknown"), "{:?}", of(&dark, "pass"));
    assert!(dark.scopes.values().all(|(outcome, _)| outcome == "failed"));
    assert_eq!(dark.findings, seen.findings);

    let back = lab.report(&mut agent).await?;
    assert_eq!(back.verdicts, seen.verdicts, "and comes back into sight with the next report");
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn a_token_runs_out_and_a_credential_can_be_revoked(pool: PgPool) -> Result<()> {
    let mut lab = Lab::start(pool).await?;
    let token = lab.token().await?;
    lab.hosted.app.pass(TimeDelta::minutes(61));
    assert!(matches!(lab.open(Some(&token)).await, Err(AgentError::Refused(_))), "an hour is over");

    let mut agent = lab.enrolled().await?;
    let seen = lab.report(&mut agent).await?;
    let revoked = lab.owner.send_form(&format!("{}/agent/revoke", lab.href), &[]).await;
    assert_eq!(revoked.status, 303, "{}", revoked.body);
    assert!(matches!(agent.once().await, Err(AgentError::Refused(_))));
    assert_eq!(picture(&lab.hosted.app.pool).await?.findings, seen.findings);

    let mut another = lab.enrolled().await?;
    lab.report(&mut another).await?;
    let removed = lab.owner.send_form(&format!("{}/remove", lab.href), &[("sure", "yes")]).await;
    assert_eq!(removed.status, 303, "{}", removed.body);
    assert!(matches!(another.once().await, Err(AgentError::Refused(_))), "a source that is gone takes nothing");
    let kept: i64 = sqlx::query_scalar("select count(*) from host_agents").fetch_one(&lab.hosted.app.pool).await?;
    assert_eq!(kept, 0, "and keeps nothing that was sent");
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn one_report_waits_on_disk_while_the_server_is_away(pool: PgPool) -> Result<()> {
    let mut lab = Lab::start(pool).await?;
    let mut agent = lab.enrolled().await?;
    lab.hosted.go_away().await;
    let spool = lab.state.path().join("report.gz");

    assert!(matches!(agent.once().await, Err(AgentError::Away(_))));
    let first = Report::unpack(&std::fs::read(&spool)?)?;
    lab.hosted.app.pass(TimeDelta::minutes(5));
    assert!(matches!(agent.once().await, Err(AgentError::Away(_))));
    let second = Report::unpack(&std::fs::read(&spool)?)?;
    assert!(second.made_at > first.made_at, "the newest takes the older one's place");
    let files: Vec<_> = std::fs::read_dir(lab.state.path())?.flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(files.len(), 2, "the credential and one report: {files:?}");

    lab.hosted.come_back()?;
    // Started anew, it finds its credential; what waits is sent before anything else is waited for.
    drop(agent);
    let mut agent = lab.open(None).await?;
    let stop = tokio_util::sync::CancellationToken::new();
    let going = tokio::spawn({
        let stop = stop.clone();
        async move { agent.run(stop).await }
    });
    for _ in 0..100 {
        if !spool.exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    stop.cancel();
    going.await??;
    assert!(!spool.exists(), "the report was taken");
    assert_eq!(lab.hosted.work().await?, 1);
    assert!(!picture(&lab.hosted.app.pool).await?.verdicts.is_empty());
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn nobody_reports_for_a_host_without_its_credential(pool: PgPool) -> Result<()> {
    let mut lab = Lab::start(pool).await?;
    let _agent = lab.enrolled().await?;
    let good = lab.credential()?;
    let now = lab.now().to_rfc3339();
    let body = lab.packed(lab.now())?;
    let other = lab.hosted.app.another_tenant("Quiet Cove").await;
    let mut stranger = lab.hosted.app.member_of(&other, Role::Owner, "owner@quietcove.example.com").await;
    assert_eq!(stranger.send_form(&format!("{}/agent/token", lab.href), &[]).await.status, 404);

    let parts: Vec<&str> = good.split('.').collect();
    let elsewhere = format!("{}.{}.{}", other.id.0.simple(), parts[1], parts[2]);
    let guessed = format!("{}.{}.{}", parts[0], parts[1], "A".repeat(43));
    let another = format!("{}.{}.{}", parts[0], "0".repeat(32), parts[2]);
    for wrong in ["", "nonsense", "..", elsewhere.as_str(), guessed.as_str(), another.as_str()] {
        let answer = lab.send(wrong, &now, body.clone()).await;
        assert_eq!(answer.status, 401, "{wrong}: {}", answer.body);
    }
    let kept: i64 = sqlx::query_scalar("select count(*) from host_agents where report is not null")
        .fetch_one(&lab.hosted.app.pool)
        .await?;
    assert_eq!(kept, 0);
    assert_eq!(lab.send(&good, &now, body).await.status, 200);
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn a_report_that_makes_no_sense_changes_nothing(pool: PgPool) -> Result<()> {
    let mut lab = Lab::start(pool).await?;
    let mut agent = lab.enrolled().await?;
    let seen = lab.report(&mut agent).await?;
    let good = lab.credential()?;

    let older = lab.now() - TimeDelta::minutes(30);
    let answer = lab.send(&good, &older.to_rfc3339(), lab.packed(older)?).await;
    assert_eq!(
        (answer.status, answer.json()["newest"].as_bool()),
        (200, Some(false)),
        "one from before does not count"
    );
    let future = lab.now() + TimeDelta::hours(5);
    assert_eq!(lab.send(&good, &future.to_rfc3339(), lab.packed(future)?).await.status, 422);
    assert_eq!(lab.send(&good, "yesterday", lab.packed(lab.now())?).await.status, 422);
    assert_eq!(lab.send(&good, &lab.now().to_rfc3339(), b"{}".to_vec()).await.status, 422);
    let huge = [&[0x1f, 0x8b][..], &vec![0; 8 << 20]].concat();
    assert_eq!(lab.send(&good, &lab.now().to_rfc3339(), huge).await.status, 413);
    assert_eq!(lab.hosted.work().await?, 0, "none of them wakes a worker");

    let wrong = |text: &str| -> Result<Vec<u8>> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(text.as_bytes())?;
        Ok(packed.finish()?)
    };
    let honest = lab.packed(lab.now())?;
    let lie = |facts: &str| {
        format!(
            r#"{{"version":1,"agent":"0","made_at":"2026-01-01T00:00:00Z","machine":"0123456789abcdef","hostname":"x","facts":{facts},"software":null}}"#
        )
    };
    for body in [
        wrong("{}")?,
        wrong(&" ".repeat(80 << 20))?,
        wrong(&lie(r#"{"Mounts":{"a":1}}"#))?,
        wrong(&lie(&format!("{{\"DaemonJson\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000))))?,
        wrong(&lie("{}"))?,
        honest[..honest.len() / 2].to_vec(),
    ] {
        let answer = lab.send(&good, &lab.now().to_rfc3339(), body).await;
        assert_eq!(answer.status, 200, "it is read by the worker: {}", answer.body);
        assert_eq!(lab.hosted.work().await?, 1);
        let dark = picture(&lab.hosted.app.pool).await?;
        assert_eq!(dark.findings, seen.findings, "nothing closes");
        assert!(dark.scopes.values().all(|(outcome, _)| outcome == "failed"), "{:?}", dark.scopes);
    }
    let back = lab.report(&mut agent).await?;
    assert_eq!(back.verdicts, seen.verdicts);
    Ok(())
}
