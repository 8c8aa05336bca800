//! A connection test: whether the engine answers, lets us in, and lets each of its lists be read.

use super::client::Client;
use super::error::ReadError;
use super::{container, daemon, image, network};
use plumbline_core::collect::ProbeLine;
use serde_json::Value;

pub(crate) async fn probe(client: &Client) -> Vec<ProbeLine> {
    let info = client.get(daemon::INFO, &["info"], "").await;
    let mut lines = vec![match &info {
        Ok(info) => line("Engine", true, engine(info)),
        Err(error) => broken("Engine", error),
    }];
    if info.is_err() {
        return lines;
    }
    for (what, permission, path) in [
        ("Containers", container::LIST, &["containers", "json"][..]),
        ("Images", image::LIST, &["images", "json"]),
        ("Networks", network::LIST_NETWORKS, &["networks"]),
        ("Volumes", network::LIST_VOLUMES, &["volumes"]),
    ] {
        lines.push(match client.get(permission, path, "").await {
            Ok(_) => line(what, true, "can be listed".to_owned()),
            Err(error) => broken(what, &error),
        });
    }
    lines
}

fn engine(info: &Value) -> String {
    let word = |name: &str| plumbline_core::text::one_line(info[name].as_str().unwrap_or("?"));
    format!("let in: Docker {} on {} ({})", word("ServerVersion"), word("Name"), word("OperatingSystem"))
}

fn line(what: &str, ok: bool, detail: String) -> ProbeLine {
    ProbeLine { what: what.to_owned(), ok, detail }
}

fn broken(what: &str, error: &ReadError) -> ProbeLine {
    let detail = match error {
        ReadError::Denied { permission, detail } => format!("missing {permission}: {detail}"),
        other => other.to_string(),
    };
    line(what, false, detail)
}
