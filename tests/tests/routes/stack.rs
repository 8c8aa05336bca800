//! The stack around a resource.

use plumbline_core::risk::Exposure;
use plumbline_core::verdict::Verdict;
use plumbline_policy::Catalogue;
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, NewResource, check, uid};
use sqlx::PgPool;

fn of(kind: &'static str, name: &'static str) -> NewResource<'static> {
    NewResource { kind, ..NewResource::of(check(0), name) }
}

#[sqlx::test(migrations = "../migrations")]
async fn the_stack_is_drawn_from_the_internet_down(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let balancer = NewResource { exposure: Exposure::Internet, ..of("aws.elb.load_balancer", "front") };
    let front = estate.resource(&balancer).await;
    let group = estate.resource(&of("aws.elb.target_group", "group")).await;
    let service = estate.resource(&of("aws.ecs.service", "shop")).await;
    let task = estate.resource(&of("aws.ecs.task_definition", "shop:7")).await;
    estate.resource(&of("aws.iam.role", "shop-role")).await;
    for (from, relation, to) in [
        (front, "target_group", "group"),
        (service, "target_group", "group"),
        (service, "task_definition", "shop:7"),
        (task, "role", "shop-role"),
    ] {
        estate.edge(from, relation, &uid(to)).await;
    }
    estate.verdict(group, check(1), Verdict::Fail).await;
    estate.reach().await;
    estate.add_up(90.0).await;
    let mut analyst = app.analyst().await;

    let of_service = analyst.get(&format!("/resources/{service}/stack")).await;
    let of_task = analyst.get(&format!("/resources/{task}/stack")).await;
    let resource = analyst.get(&format!("/resources/{task}")).await;

    assert_eq!(of_service.texts(".level a"), ["front", "group", "shop", "shop:7"]);
    assert_eq!(of_service.texts(".is-this a"), ["shop"]);
    assert_eq!(of_task.texts(".level a"), ["front", "group", "shop", "shop:7", "shop-role"]);
    assert!(of_task.texts(".level-side").iter().any(|side| side.contains("1 ")), "{:?}", of_task.texts(".level-side"));
    assert!(resource.body.contains("Reachable from the internet"), "{}", resource.body);
    assert!(resource.texts("dd a").contains(&"shop".to_owned()), "it says through what");
}

#[sqlx::test(migrations = "../migrations")]
async fn what_nothing_leads_to_says_so(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let alone = estate.resource(&of("aws.ecs.service", "alone")).await;
    estate.reach().await;
    estate.add_up(90.0).await;
    let mut analyst = app.analyst().await;

    let page = analyst.get(&format!("/resources/{alone}/stack")).await;

    assert_eq!(page.texts(".level a"), ["alone"]);
    assert!(page.texts(".lede")[0].starts_with("Nothing that was seen leads from the internet"));
    assert_eq!(analyst.get("/resources/0190a5a0-0000-7000-8000-000000000000/stack").await.status, 404);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_finding_and_its_fix_say_what_runs_the_image(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let check = Catalogue::builtin().check("image_user_is_not_root").expect("a check of images");
    let image = estate.resource(&NewResource::of(check, "shop")).await;
    for name in ["checkout", "worker"] {
        let workload = estate.resource(&of("kubernetes.workload", name)).await;
        estate.edge(workload, "image", &uid("shop")).await;
    }
    let finding = estate.verdict(image, check, Verdict::Fail).await;
    estate.add_up(90.0).await;
    let mut analyst = app.analyst().await;

    let finding = analyst.get(&format!("/findings/{finding}")).await;
    let fix = analyst.get(&format!("/fixes/{}", estate.fix(check))).await;

    assert!(
        fix.texts(".figures div").iter().any(|one| one.contains("Runs in") && one.contains("2 workloads")),
        "{}",
        fix.body
    );
    assert!(finding.texts("dd").iter().any(|words| words.starts_with("2 workloads")), "{}", finding.body);
}
