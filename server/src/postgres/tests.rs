use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sqlx::PgConnection;

use super::{
    home::{LONGEST_SOCKET_FOLDER, socket_folder},
    *,
};

async fn answer(postgres: &PrivatePostgres, role: &str, sql: &'static str) -> String {
    let mut db = PgConnection::connect(&postgres.url_for(role, DATABASE)).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut db).await.unwrap()
}

async fn with_a_note(data: &Path) -> PrivatePostgres {
    let postgres = PrivatePostgres::start(data).await.unwrap();
    let mut db = PgConnection::connect(&postgres.url_for(OWNER, DATABASE)).await.unwrap();
    sqlx::raw_sql("create table note as select 'kept' as text; grant select on note to plumbline_app")
        .execute(&mut db)
        .await
        .unwrap();
    postgres
}

const READ_NOTE: &str = "select text from note";

#[tokio::test]
async fn what_was_written_is_there_after_a_stop_and_a_start() {
    let data = tempfile::tempdir().unwrap();
    with_a_note(data.path()).await.stop().await.unwrap();

    let again = PrivatePostgres::start(data.path()).await.unwrap();

    assert_eq!(answer(&again, APP, READ_NOTE).await, "kept");
    again.stop().await.unwrap();
}

#[tokio::test]
async fn the_application_role_cannot_pass_row_level_security() {
    let data = tempfile::tempdir().unwrap();
    let postgres = PrivatePostgres::start(data.path()).await.unwrap();

    let powers =
        "select rolsuper || ' ' || rolbypassrls || ' ' || rolinherit from pg_roles where rolname = current_user";

    assert_eq!(answer(&postgres, APP, powers).await, "false false false");
    assert_eq!(answer(&postgres, OWNER, powers).await, "false false true");
}

#[tokio::test]
async fn a_killed_server_is_noticed_and_recovers() {
    let data = tempfile::tempdir().unwrap();
    let mut first = with_a_note(data.path()).await;
    signal(first.child.as_ref().unwrap().id(), Signal::SIGKILL);
    first.died().await;
    drop(first);

    let again = PrivatePostgres::start(data.path()).await.unwrap();

    assert_eq!(answer(&again, APP, READ_NOTE).await, "kept");
}

#[tokio::test]
async fn a_server_that_outlived_its_product_is_replaced() {
    let data = tempfile::tempdir().unwrap();
    let mut first = with_a_note(data.path()).await;
    let mut orphan = first.child.take().unwrap();
    drop(first);

    let again = PrivatePostgres::start(data.path()).await.unwrap();

    assert_eq!(answer(&again, APP, READ_NOTE).await, "kept");
    assert!(orphan.wait().unwrap().success());
}

#[tokio::test]
async fn a_pid_file_that_names_a_stranger_is_no_obstacle_and_the_stranger_lives() {
    let data = tempfile::tempdir().unwrap();
    let first = with_a_note(data.path()).await;
    let cluster = first.home.cluster.clone();
    first.stop().await.unwrap();
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    fs::write(cluster.join("postmaster.pid"), format!("{}\n", stranger.id())).unwrap();

    let again = PrivatePostgres::start(data.path()).await.unwrap();

    assert_eq!(answer(&again, APP, READ_NOTE).await, "kept");
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn a_second_product_on_the_same_folder_is_told_who_has_it() {
    let data = tempfile::tempdir().unwrap();
    let _first = PrivatePostgres::start(data.path()).await.unwrap();

    let refused = PrivatePostgres::start(data.path()).await.err().unwrap().to_string();

    assert!(refused.contains(&format!("in use by process {}", std::process::id())), "{refused}");
}

#[tokio::test]
async fn an_unfinished_initdb_is_started_over() {
    let data = tempfile::tempdir().unwrap();
    fs::create_dir(data.path().join("postgres.new")).unwrap();
    fs::write(data.path().join("postgres.new/PG_VERSION"), "15").unwrap();

    let postgres = PrivatePostgres::start(data.path()).await.unwrap();

    assert_eq!(answer(&postgres, APP, "select 'whole'").await, "whole");
}

#[test]
fn a_path_too_long_for_a_socket_gets_a_short_one() {
    let long = PathBuf::from(format!("/{}", "d".repeat(200)));

    assert_eq!(socket_folder(Path::new("/srv/plumbline")), Path::new("/srv/plumbline/run"));
    assert!(socket_folder(&long).as_os_str().len() <= LONGEST_SOCKET_FOLDER);
    assert_ne!(socket_folder(&long), socket_folder(&long.join("other")));
}
