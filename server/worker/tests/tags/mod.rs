//! Where tags lead is followed from run to run, and only what was seen is told.

use crate::estate::{Estate, Step};
use plumbline_core::id::ResourceId;
use plumbline_core::resource::Resource;
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_store::tag;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::collections::BTreeMap;

const UID: &str = "registry.example.com/shop";

fn scope() -> ScopeKey {
    ScopeKey {
        account: "registry.example.com".to_owned(),
        region: "shop".to_owned(),
        reader: "registry.repository".to_owned(),
    }
}

/// A run that sees the repository with these tags, of which these lead somewhere.
fn seen(tags: &[&str], leads: &[(&str, &str)]) -> Vec<Step> {
    let selected: Vec<Value> = leads.iter().map(|(tag, digest)| json!({ "tag": tag, "digest": digest })).collect();
    let attributes = json!({ "Tags": tags, "TagCount": tags.len(), "SelectedTags": selected });
    let resource = Resource {
        scope: scope(),
        kind: "registry.repository".to_owned(),
        uid: UID.to_owned(),
        name: "shop".to_owned(),
        region: "shop".to_owned(),
        attributes: attributes.as_object().cloned().unwrap_or_default(),
        unread: BTreeMap::new(),
        tags: BTreeMap::new(),
        edges: Vec::new(),
    };
    vec![Step::Plan(scope()), Step::See(Box::new(resource)), Step::End(scope(), Outcome::Complete)]
}

/// Tag, digest, how it ended, and what it led to before and after.
type Told = (String, String, Option<String>, Option<String>, Option<String>);

async fn told(estate: &Estate) -> Vec<Told> {
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let repository = ResourceId::derive(estate.source, UID);
    let rows = tag::stretches(&mut tx, repository, UID, None, 50).await.expect("stretches");
    let told = rows.into_iter().map(|row| (row.tag, row.digest, row.how, row.from_digest, row.to_digest));
    told.collect()
}

fn line(tag: &str, digest: &str, how: Option<&str>, from: Option<&str>, to: Option<&str>) -> Told {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    (tag.to_owned(), digest.to_owned(), owned(how), owned(from), owned(to))
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_tag_that_moves_is_told_with_what_it_led_to_before_and_after(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(seen(&["1.2", "latest"], &[("1.2", "sha256:a"), ("latest", "sha256:a")])).await;
    estate.run(seen(&["1.2", "latest"], &[("1.2", "sha256:a"), ("latest", "sha256:a")])).await;
    assert_eq!(
        told(&estate).await,
        [line("1.2", "sha256:a", None, None, None), line("latest", "sha256:a", None, None, None)]
    );

    estate.run(seen(&["1.2", "latest"], &[("1.2", "sha256:a"), ("latest", "sha256:b")])).await;
    assert_eq!(
        told(&estate).await,
        [
            line("latest", "sha256:b", None, Some("sha256:a"), None),
            line("1.2", "sha256:a", None, None, None),
            line("latest", "sha256:a", Some("moved"), None, Some("sha256:b")),
        ]
    );
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_tag_is_removed_only_when_the_whole_list_lacks_it(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(seen(&["1", "2"], &[("1", "sha256:a"), ("2", "sha256:b")])).await;
    estate.run(seen(&["1", "2"], &[("1", "sha256:a")])).await;
    let unseen = [line("1", "sha256:a", None, None, None), line("2", "sha256:b", Some("unseen"), None, None)];
    assert_eq!(told(&estate).await, unseen, "it is there, and was not read");

    estate.run(seen(&["1", "2"], &[("1", "sha256:a"), ("2", "sha256:b")])).await;
    assert_eq!(told(&estate).await[1], line("2", "sha256:b", None, None, None), "the same stretch goes on");

    estate.run(seen(&["1"], &[("1", "sha256:a")])).await;
    assert_eq!(told(&estate).await[1], line("2", "sha256:b", Some("removed"), None, None));

    estate.run(vec![Step::Plan(scope()), Step::End(scope(), Outcome::Failed { detail: "no way".to_owned() })]).await;
    assert_eq!(told(&estate).await[0], line("1", "sha256:a", None, None, None), "what was not seen is not gone");
    estate.run(vec![Step::Plan(scope()), Step::End(scope(), Outcome::Complete)]).await;
    assert_eq!(told(&estate).await[0], line("1", "sha256:a", Some("removed"), None, None));
}
