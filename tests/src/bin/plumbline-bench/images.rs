//! Images a second from a registry, by a worker in a process of its own: read layer by layer, matched and reconciled.

mod registry;

use crate::cluster::Cluster;
use crate::polled;
use crate::table::{Table, number, say};
use plumbline_core::clock::SystemClock;
use plumbline_core::collect::Connection;
use plumbline_registry::{Operator, RegistryCollector};
use registry::Registry;
use secrecy::SecretString;
use serde_json::json;
use std::sync::Arc;

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
pub(crate) async fn measure(table: &mut Table, cluster: &Cluster, images: usize) -> anyhow::Result<()> {
    say(&format!("Making {images} images"));
    let registry = Registry::serve(images)?;
    let megabytes = registry.unpacked as f64 / 1e6;
    for polled in polled::by_child(&cluster.app, "--read", &registry.host).await? {
        let again = polled.which();
        let mut result = format!(
            "{:.1} images/s, {} calls/s, peak {} MB",
            images as f64 / polled.seconds,
            number(polled.calls_per_second()),
            polled.peak_megabytes
        );
        if polled.changed > 0 {
            result = format!("{result}, {} MB/s of archives", number(megabytes / polled.seconds));
        }
        let measured = format!("{images} images, {} MB of archives, {again}, to the last finding", number(megabytes));
        table.row("images", measured, result);
    }
    registry.stop().await;
    Ok(())
}

/// The child: reads the registry of a host.
pub(crate) async fn read(host: &str) -> anyhow::Result<()> {
    let settings = json!({ "host": host, "scheme": "http", "plain_http": true, "tags": { "policy": "all" } });
    let connection = Connection { settings, secret: SecretString::from("{}") };
    let collector = RegistryCollector::new(Operator { private_endpoints: true }, Arc::new(SystemClock));
    polled::twice(Arc::new(collector), connection, &["complete"]).await
}
