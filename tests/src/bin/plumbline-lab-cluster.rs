//! The stand-in cluster by itself, for `./dev up` and for a look at it with kubectl.
//!
//!     plumbline-lab-cluster [PORT [ESTATE]]
//!
//! kubectl sends a token over TLS alone, which this does not speak: `curl -H 'Authorization: Bearer admin'`, or let the
//! anonymous in as `tests/tests/lab_cluster.rs` does.

use anyhow::{Context, Result};
use plumbline_tests::cluster::{Cluster, TOKEN, estate};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the other stand-ins have, so that what runs in the cluster is what they show: a file of JSON.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Estate {
    machines: Vec<String>,
    registry: Registry,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Registry {
    /// A reference with a tag, and the same by its digest.
    digests: BTreeMap<String, String>,
}

impl Estate {
    /// What stands in the manifests, and what stands for it here.
    fn replacements(&self) -> Vec<(String, String)> {
        let image = |word: &str| {
            let found = self.registry.digests.iter().find(|(place, _)| place.ends_with(word));
            found.map(|(_, by_digest)| by_digest.clone())
        };
        let images =
            [("shop/checkout:1.0.0", "shop/checkout:1.0.0"), ("legacy/storefront:latest", "shop/ledger:2.1.0")];
        let images = images
            .into_iter()
            .filter_map(|(name, place)| Some((format!("registry.harborlane.example/{name}"), image(place)?)));
        let nodes = self.machines.iter().take(3).enumerate();
        let nodes = nodes.map(|(at, machine)| (format!("i-0a1b2c3d4e5f6000{}", at + 1), machine.clone()));
        images.chain(nodes).collect()
    }
}

fn main() -> Result<()> {
    let port = std::env::args().nth(1).map_or(Ok(0), |port| port.parse()).context("the port is a number")?;
    let cluster = Cluster::start_at(port).or_else(|_| Cluster::start())?;
    let other = match std::env::args().nth(2) {
        Some(path) => serde_json::from_str(&std::fs::read_to_string(&path).context(path)?)?,
        None => Estate::default(),
    };
    cluster.load_with(estate(), &other.replacements())?;
    cluster.grant(&Value::Null)?;
    #[expect(clippy::print_stdout, reason = "what was started says where it is")]
    {
        println!("{}", json!({ "server": cluster.endpoint, "token": TOKEN }));
    }
    loop {
        std::thread::park();
    }
}
