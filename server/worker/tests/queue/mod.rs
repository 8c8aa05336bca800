//! What is kept with a fix: its rank as `core` reckons it, whose it is and when it is due.

mod groups;

use crate::estate::{Estate, all_read, bucket, bucket_unreadable};
use plumbline_core::fix::Place;
use plumbline_core::risk::order::joint;
use plumbline_store::fix::{self, FixFilter, FixRow, FixSort};
use plumbline_store::{PageRequest, finding, posture, reconcile};
use sqlx::PgPool;
use uuid::Uuid;

#[sqlx::test(migrations = "../../migrations")]
async fn a_fix_keeps_its_risk_its_owner_its_date_and_its_rank(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false), bucket("b", false), bucket("c", false)])).await;
    let (most, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for (bucket, team, due) in [("a", other, "2026-03-01"), ("b", most, "2026-02-01"), ("c", most, "2026-04-01")] {
        sqlx::query(
            "update findings f set team_id = $2, due_at = $3::text::timestamptz, assignee_id = $2 from resources r
             where r.resource_id = f.resource_id and r.name = $1",
        )
        .bind(bucket)
        .bind(team)
        .bind(due)
        .execute(&estate.pool)
        .await
        .expect("assigned");
    }
    // One fix stands for all three, as a base image does.
    let one: Uuid = sqlx::query_scalar("select fix_id from fixes order by fix_id limit 1")
        .fetch_one(&estate.pool)
        .await
        .expect("a fix");
    sqlx::query("update findings set fix_id = $1").bind(one).execute(&estate.pool).await.expect("joined");
    sqlx::query("update fixes set paths_cut = 5, joint_path_risk = 40").execute(&estate.pool).await.expect("cut");

    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    reconcile::lock(&mut tx).await.expect("held");
    assert_eq!(reconcile::own_fixes(&mut tx, Uuid::nil(), 100).await.expect("owned"), None);
    tx.commit().await.expect("kept");

    let (team, assignee, due, findings, resources, risk, key, gain, kept): Kept = sqlx::query_as(
        "select team_id, assignee_id, due_at::date::text, open_findings, resources, risk, fix_key, gain, rank
         from fixes where fix_id = $1",
    )
    .bind(one)
    .fetch_one(&estate.pool)
    .await
    .expect("the fix");
    assert_eq!((team, assignee, due.as_str()), (Some(most), Some(most), "2026-02-01"));
    assert_eq!((findings, resources), (3, 3));
    let sum: i64 = sqlx::query_scalar("select sum(risk) from findings").fetch_one(&estate.pool).await.expect("a sum");
    assert_eq!(risk, sum);
    let risks: Vec<i16> = sqlx::query_scalar("select risk from findings").fetch_all(&estate.pool).await.expect("risks");
    let nature = estate.worker.weighing.fixes[&key];
    let place =
        Place { risk: joint(risks), paths: 40.0, gain, upstream: nature.upstream, resources, ease: nature.ease() };
    assert_eq!(kept.to_bits(), place.rank().to_bits());
}

type Kept = (Option<Uuid>, Option<Uuid>, String, i64, i64, i64, String, f64, f64);

#[sqlx::test(migrations = "../../migrations")]
async fn the_natures_of_fixes_follow_the_content(pool: PgPool) {
    let mut estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false)])).await;
    estate.judge_by_all_checks();
    estate.run(all_read(&[bucket("a", false), bucket("b", false)])).await;

    let rows: Vec<FixRow> = {
        let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
        fix::list(&mut tx, &FixFilter::default(), FixSort::default(), &PageRequest { after: None, size: 100 })
            .await
            .expect("fixes")
            .items
    };
    assert!(!rows.is_empty());
    for row in rows {
        let nature = estate.worker.weighing.fixes[&row.fix_key];
        assert_eq!((row.upstream, row.ease.to_bits()), (nature.upstream, nature.ease().to_bits()), "{row:?}");
        assert_eq!(row.rank.to_bits(), row.place().rank().to_bits(), "{row:?}");
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_ledger_says_what_stands_behind_a_change(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false), bucket("b", false), bucket("c", true)])).await;
    estate.run(all_read(&[bucket("a", true), bucket("b", false), bucket("c", true)])).await;

    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let entries = posture::changes(&mut tx, 10).await.expect("a ledger");
    let causes: Vec<&str> = entries.iter().map(|entry| entry.cause.as_str()).collect();
    assert_eq!(causes, ["fixed", "new_resource"]);
    let (fixed, new) = (entries[0].reason(), entries[1].reason());
    assert_eq!((new.resources, new.kinds["aws.s3.bucket"], new.findings.len()), (2, 2, 2));
    assert_eq!(new.exposures.values().sum::<i64>(), 2);
    assert_eq!(new.checks[0].check_id, "aws_s3_bucket_blocks_public_access");
    assert_eq!((fixed.findings.len(), fixed.fix.map(|fix| fix.findings)), (1, Some(1)));
    let found = finding::these(&mut tx, &fixed.findings).await.expect("findings");
    assert_eq!(found[0].resource_name, "a");
}

#[sqlx::test(migrations = "../../migrations")]
async fn each_part_keeps_its_coverage_and_its_bound(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false), bucket_unreadable("b"), bucket("c", true)])).await;

    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let latest = posture::latest(&mut tx).await.expect("read").expect("a posture");
    for part in [
        "whole".to_owned(),
        "layer:cloud".to_owned(),
        "framework:small".to_owned(),
        format!("source:{}", estate.source),
    ] {
        let own = latest.standing(&part).expect("a part");
        assert_eq!(own.score.to_bits(), latest.score.to_bits(), "{part}");
        assert_eq!(own.gross.map(f64::to_bits), Some(latest.gross_score.to_bits()), "{part}");
        assert!(own.bound.is_some_and(|bound| bound < own.score), "{part}: one verdict is unknown");
        assert_eq!(own.coverage.map(f64::to_bits), Some((2.0f64 / 3.0).to_bits()), "{part}");
    }

    estate.run(all_read(&[bucket("a", false), bucket("b", true), bucket("c", true)])).await;
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let latest = posture::latest(&mut tx).await.expect("read").expect("a posture");
    assert_eq!(latest.bound().map(f64::to_bits), Some(latest.score.to_bits()), "nothing is unknown");
}
