//! The inventory, and one resource.

use plumbline_core::verdict::Verdict;
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, NewResource, REGION, check, uid};
use serde_json::json;
use sqlx::PgPool;

#[sqlx::test(migrations = "../migrations")]
async fn the_inventory_is_counted_by_kind_and_found_by_name(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    for name in ["Ledger", "ledger-old", "gate"] {
        estate.resource(&NewResource::of(check(0), name)).await;
    }
    estate.add_up(90.0).await;
    let mut analyst = app.analyst().await;

    let all = analyst.get("/resources").await;
    let found = analyst.get("/resources?q=LEDG").await;
    let by_uid = analyst.get(&format!("/resources?q={}", uid("gate"))).await;

    assert!(all.texts("caption")[0].starts_with("3 resources"));
    assert_eq!(found.texts("tbody .cell-title"), ["Ledger", "ledger-old"]);
    assert_eq!(by_uid.texts("tbody .cell-title"), ["gate"]);
    assert_eq!(analyst.get("/resources?kind=nothing&after=zz").await.texts(".empty h2"), ["Nothing matches"]);
    assert!(!analyst.fragment("/resources").await.body.contains("<html"));
}

#[sqlx::test(migrations = "../migrations")]
async fn pages_follow_each_other_by_id_and_by_name(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    for at in 0..130 {
        estate.resource(&NewResource::of(check(0), &format!("box-{}", at / 2 * 2 + at % 2))).await;
    }
    estate.add_up(90.0).await;
    let mut analyst = app.analyst().await;

    for first in ["/resources", "/resources?q=box"] {
        let (mut path, mut seen) = (Some(first.to_owned()), Vec::new());
        while let Some(next) = path {
            let page = analyst.get(&next).await;
            seen.extend(page.texts("tbody .cell-title"));
            path = page.attribute(".pager a.button", "href");
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 130, "{first}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_resource_shows_what_it_says_what_is_hidden_and_what_the_checks_say(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let new = NewResource {
        attributes: json!({ "Versioning": { "Status": "Enabled" }, "Public": false }),
        unread: json!({ "Policy": { "permission": "s3:GetBucketPolicy", "denied": true, "detail": "AccessDenied" } }),
        tags: json!({ "team": "payments" }),
        ..NewResource::of(check(0), "ledger")
    };
    let ledger = estate.resource(&new).await;
    let reader = estate.resource(&NewResource::of(check(0), "reader")).await;
    estate.edge(reader, "log_bucket", &uid("ledger")).await;
    estate.edge(ledger, "key", "arn:aws:kms:never-seen").await;
    estate.verdict(ledger, check(0), Verdict::Fail).await;
    estate.verdict(ledger, check(7), Verdict::Unknown).await;
    estate.add_up(50.0).await;

    let page = app.auditor().await.get(&format!("/resources/{ledger}")).await;

    assert_eq!((page.status, page.texts("h1")), (200, vec!["ledger".to_owned()]));
    let attributes = page.texts(".attribute");
    assert!(
        attributes.iter().any(|line| line.contains("Versioning") && line.contains("Status Enabled")),
        "{attributes:?}"
    );
    assert!(page.body.contains("s3:GetBucketPolicy") && page.body.contains("AccessDenied"));
    assert!(page.body.contains("payments") && page.body.contains("arn:aws:kms:never-seen"));
    assert_eq!(page.attribute("#in-title ~ * a", "href"), Some(format!("/resources/{reader}")));
    let verdicts = page.texts("#verdicts-title");
    assert_eq!(verdicts.len(), 1);
    assert!(page.texts(".badge.is-unknown").contains(&"Unknown".to_owned()));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_resource_out_of_sight_says_so(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let resource = estate.resource(&NewResource::of(check(0), "ledger")).await;
    estate.blind(REGION, "s3:ListAllMyBuckets").await;

    let page = app.analyst().await.get(&format!("/resources/{resource}")).await;

    assert!(page.texts(".flash-note")[0].contains("s3:ListAllMyBuckets"));
}
