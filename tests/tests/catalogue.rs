//! The database's own catalogue is walked, so that a new table cannot be forgotten: every table with a tenant is behind
//! forced row-level security, denies when no tenant is set, and shows one tenant nothing of another.

use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use std::collections::BTreeMap;

/// Indexes of tenants' tables that no tenant leads; the list may only shrink.
const INDEXES_WITHOUT_TENANT: [&str; 1] = [
    // Finds a tenant by its word in a link, before any tenant is known.
    "tenants_slug",
];

const ROLES: [&str; 3] = ["plumbline_app", "plumbline_identity", "plumbline_queue"];
const OURS: &str = "11111111-1111-7111-8111-111111111111";
const THEIRS: &str = "22222222-2222-7222-8222-222222222222";

async fn tenant_tables(conn: &mut PgConnection) -> Vec<String> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "select c.relname::text from pg_class c
         join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
         join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
         where c.relkind in ('r', 'p') order by 1",
    )
    .fetch_all(conn)
    .await
    .expect("the catalogue");
    let tables: Vec<String> = rows.into_iter().map(|(table,)| table).collect();
    assert!(tables.len() > 20, "the walk sees the tables: {tables:?}");
    tables
}

#[sqlx::test(migrations = "../migrations")]
async fn every_tenant_table_has_forced_row_security_with_a_policy_of_its_tenant(pool: PgPool) {
    let mut conn = pool.acquire().await.expect("a connection");

    for table in tenant_tables(&mut conn).await {
        let (enabled, forced): (bool, bool) =
            sqlx::query_as("select relrowsecurity, relforcerowsecurity from pg_class where oid = $1::regclass")
                .bind(&table)
                .fetch_one(&mut *conn)
                .await
                .expect("the table");
        assert!(enabled && forced, "{table} forces row-level security");

        let policies: Vec<(String, Option<String>, Option<String>)> = sqlx::query_as(
            "select policyname::text, qual, with_check from pg_policies
             where schemaname = 'public' and tablename = $1 and 'plumbline_app' = any(roles)",
        )
        .bind(&table)
        .fetch_all(&mut *conn)
        .await
        .expect("policies");
        assert_eq!(policies.len(), 1, "{table} has one policy for the application: a second one would widen it");
        let (_, qual, with_check) = &policies[0];
        let one_tenant = Some("(tenant_id = current_tenant())".to_owned());
        assert_eq!((qual, with_check), (&one_tenant, &one_tenant), "{table} is narrowed to the transaction's tenant");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn every_key_and_index_of_a_tenant_table_leads_with_the_tenant(pool: PgPool) {
    let mut conn = pool.acquire().await.expect("a connection");
    let mut without = Vec::new();

    for table in tenant_tables(&mut conn).await {
        let indexes: Vec<(String, Option<String>)> = sqlx::query_as(
            "select i.indexrelid::regclass::text, a.attname::text from pg_index i
             left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
             where i.indrelid = $1::regclass",
        )
        .bind(&table)
        .fetch_all(&mut *conn)
        .await
        .expect("indexes");
        assert!(!indexes.is_empty(), "{table} has a primary key");
        let odd = indexes.into_iter().filter(|(_, first)| first.as_deref() != Some("tenant_id"));
        without.extend(odd.map(|(index, _)| index));
    }

    assert_eq!(without, INDEXES_WITHOUT_TENANT);
}

#[sqlx::test(migrations = "../migrations")]
async fn no_role_of_the_application_can_get_round_row_security(pool: PgPool) {
    for role in ROLES {
        let (able,): (bool,) = sqlx::query_as(
            "select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolcanlogin or rolinherit
             from pg_roles where rolname = $1",
        )
        .bind(role)
        .fetch_one(&pool)
        .await
        .expect("the role");
        assert!(!able, "{role} has no powers of its own");

        let (owned,): (i64,) = sqlx::query_as("select count(*) from pg_class where relowner = $1::regrole")
            .bind(role)
            .fetch_one(&pool)
            .await
            .expect("a count");
        assert_eq!(owned, 0, "{role} owns no table, and so cannot lift its row-level security");
    }
}

/// Puts one row of a tenant into every table, whatever its columns mean.
async fn fill(conn: &mut PgConnection, tables: &[String], tenant: &str) {
    sqlx::query("set session_replication_role = replica").execute(&mut *conn).await.expect("no foreign keys");
    for table in tables {
        let columns: Vec<(String, String)> = sqlx::query_as(
            "select attname::text, format_type(atttypid, null) from pg_attribute
             where attrelid = $1::regclass and attnum > 0 and not attisdropped and attidentity = '' and attgenerated = ''",
        )
        .bind(table)
        .fetch_all(&mut *conn)
        .await
        .expect("columns");
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let values: Vec<String> = columns.iter().map(|(name, kind)| value(name, kind, tenant)).collect();
        let insert = format!("insert into {table} ({}) values ({})", names.join(", "), values.join(", "));
        sqlx::query(AssertSqlSafe(insert)).execute(&mut *conn).await.unwrap_or_else(|error| panic!("{table}: {error}"));
    }
    sqlx::query("set session_replication_role = origin").execute(&mut *conn).await.expect("foreign keys again");
}

fn value(column: &str, kind: &str, tenant: &str) -> String {
    match kind {
        _ if column == "tenant_id" => format!("'{tenant}'"),
        "uuid" => format!("'{tenant}'"),
        "text" => format!("'{tenant}'"),
        "jsonb" => "'{}'".to_owned(),
        "bytea" => format!("'{tenant}'::bytea"),
        "boolean" => "false".to_owned(),
        "timestamp with time zone" => "'2026-11-24 12:00Z'".to_owned(),
        "date" => "'2026-11-24'".to_owned(),
        "integer" | "bigint" | "smallint" | "real" | "double precision" => "1".to_owned(),
        other if other.ends_with("[]") => "'{}'".to_owned(),
        other => panic!("{column} is of type {other}, which this test has to learn"),
    }
}

/// Values need not make sense here, only be there.
async fn drop_checks(conn: &mut PgConnection) {
    let checks: Vec<(String, String)> = sqlx::query_as(
        "select conrelid::regclass::text, conname::text from pg_constraint
         where contype = 'c' and connamespace = 'public'::regnamespace and conrelid <> 0",
    )
    .fetch_all(&mut *conn)
    .await
    .expect("checks");
    for (table, check) in checks {
        let drop = format!("alter table {table} drop constraint \"{check}\"");
        sqlx::query(AssertSqlSafe(drop)).execute(&mut *conn).await.expect("dropped");
    }
}

async fn enter(conn: &mut PgConnection, tenant: &str) {
    sqlx::query("set role plumbline_app").execute(&mut *conn).await.expect("the role");
    let set = format!("set plumbline.tenant = '{tenant}'");
    sqlx::query(AssertSqlSafe(set)).execute(&mut *conn).await.expect("the tenant");
}

async fn count(conn: &mut PgConnection, table: &str) -> i64 {
    let select = format!("select count(*) from {table}");
    let (rows,): (i64,) =
        sqlx::query_as(AssertSqlSafe(select)).fetch_one(conn).await.unwrap_or_else(|e| panic!("{table}: {e}"));
    rows
}

#[sqlx::test(migrations = "../migrations")]
async fn of_every_table_a_tenant_sees_its_own_row_and_no_other(pool: PgPool) {
    let mut conn = pool.acquire().await.expect("a connection");
    let tables = tenant_tables(&mut conn).await;
    drop_checks(&mut conn).await;
    fill(&mut conn, &tables, OURS).await;
    fill(&mut conn, &tables, THEIRS).await;

    for table in &tables {
        for (tenant, seen) in [("", 0), (OURS, 1), (THEIRS, 1)] {
            enter(&mut conn, tenant).await;
            assert_eq!(count(&mut conn, table).await, seen, "{table} as tenant {tenant:?}");
        }
        let theirs = format!("select count(*) from {table} where tenant_id = '{OURS}'");
        let (rows,): (i64,) = sqlx::query_as(AssertSqlSafe(theirs)).fetch_one(&mut *conn).await.expect("a count");
        assert_eq!(rows, 0, "{table} asked for another tenant by its id");
        sqlx::query("reset role").execute(&mut *conn).await.expect("reset");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn of_every_table_a_tenant_changes_no_row_of_another(pool: PgPool) {
    let mut conn = pool.acquire().await.expect("a connection");
    let tables = tenant_tables(&mut conn).await;
    drop_checks(&mut conn).await;
    fill(&mut conn, &tables, OURS).await;

    for table in &tables {
        enter(&mut conn, THEIRS).await;
        for change in [
            format!("update {table} set tenant_id = tenant_id"),
            format!("delete from {table}"),
            format!("insert into {table} (tenant_id) values ('{OURS}')"),
        ] {
            match sqlx::query(AssertSqlSafe(change.clone())).execute(&mut *conn).await {
                Ok(done) => assert_eq!(done.rows_affected(), 0, "{change}"),
                Err(error) => {
                    let code = error.as_database_error().and_then(|e| e.code()).unwrap_or_default().into_owned();
                    assert_eq!(code, "42501", "{change} is refused for want of rights: {error}");
                }
            }
        }
        sqlx::query("reset role").execute(&mut *conn).await.expect("reset");
        assert_eq!(count(&mut conn, table).await, 1, "{table} is as it was");
    }
}

/// What each door may do to which table. A right that is not needed any more, or a new one, shows here.
#[sqlx::test(migrations = "../migrations")]
async fn the_doors_beside_the_tenants_reach_few_tables(pool: PgPool) {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "select r.role, c.relname::text, p.privilege
         from pg_class c, unnest(array['plumbline_identity', 'plumbline_queue']) r(role),
              unnest(array['select', 'insert', 'update', 'delete', 'truncate']) p(privilege)
         where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
           and has_table_privilege(r.role, c.oid, p.privilege)
         order by 1, 2, array_position(array['select', 'insert', 'update', 'delete', 'truncate'], p.privilege)",
    )
    .fetch_all(&pool)
    .await
    .expect("rights");
    let mut rights: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (role, table, right) in rows {
        rights.entry((role, table)).or_default().push(right);
    }
    let lines: Vec<String> =
        rights.iter().map(|((role, table), rights)| format!("{role} {table}: {}", rights.join(", "))).collect();

    insta::assert_snapshot!(lines.join("\n"), @r"
    plumbline_identity audit_log: insert
    plumbline_identity federated_identities: select, insert
    plumbline_identity invitations: select, delete
    plumbline_identity members: select, insert
    plumbline_identity people: select, insert
    plumbline_identity sessions: select, insert, delete
    plumbline_identity setup_links: select, insert
    plumbline_identity sign_in_providers: select
    plumbline_identity tenants: select, insert, update
    plumbline_queue jobs: select, update, delete
    ");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_tenant_reads_neither_passwords_nor_sessions_and_knows_its_members_alone(pool: PgPool) {
    let mut conn = pool.acquire().await.expect("a connection");
    for (id, email) in [(OURS, "member@example.com"), (THEIRS, "stranger@example.com")] {
        let insert = format!(
            "insert into people (person_id, email, name, password_hash, created_at) values ('{id}', '{email}', 'x', 'secret', now())"
        );
        sqlx::query(AssertSqlSafe(insert)).execute(&mut *conn).await.expect("a person");
    }
    let rows = format!(
        "insert into tenants (tenant_id, name, slug, created_at) values ('{OURS}', 'x', 'x', now());
         insert into members (tenant_id, person_id, role, joined_at) values ('{OURS}', '{OURS}', 'owner', now())"
    );
    sqlx::raw_sql(AssertSqlSafe(rows)).execute(&mut *conn).await.expect("a member");

    enter(&mut conn, OURS).await;
    let known: Vec<(String,)> = sqlx::query_as("select email from people").fetch_all(&mut *conn).await.expect("people");
    assert_eq!(known, [("member@example.com".to_owned(),)]);

    for hidden in [
        "select password_hash from people",
        "select joined from people",
        "select 1 from sessions",
        "select 1 from setup_links",
    ] {
        let refused = sqlx::query(AssertSqlSafe(hidden)).execute(&mut *conn).await;
        assert!(refused.is_err(), "{hidden}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_history_cannot_be_rewritten(pool: PgPool) {
    for table in ["audit_log", "finding_comments", "finding_events", "postures", "score_ledger"] {
        for role in ROLES {
            for right in ["update", "delete", "truncate"] {
                let (able,): (bool,) = sqlx::query_as("select has_table_privilege($1, $2, $3)")
                    .bind(role)
                    .bind(table)
                    .bind(right)
                    .fetch_one(&pool)
                    .await
                    .expect("a right");
                assert!(!able, "{role} may {right} {table}");
            }
        }
    }
}
