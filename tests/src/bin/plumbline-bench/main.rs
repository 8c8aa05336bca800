//! `./dev bench`: how much the product does, beside what the machine can do. One table of medians and ratios; whether a
//! number is good is for the reader to say. `docs/BENCHMARKS.md` holds a table that was measured.

mod cluster;
mod collect;
mod evaluate;
mod images;
mod kubernetes;
mod load;
mod matching;
mod pages;
mod polled;
mod rank;
mod reconcile;
mod table;

use clap::{Parser, ValueEnum};
use cluster::Cluster;
use std::path::PathBuf;
use table::Table;

#[derive(Parser)]
#[command(
    name = "plumbline-bench",
    about = "Measures collecting, reading images, evaluating, matching, reconciling, serving pages and ranking"
)]
struct Arguments {
    /// What to measure; everything when nothing is named
    #[arg(value_enum)]
    sections: Vec<Section>,
    /// Findings of the large tenant
    #[arg(long, default_value_t = 1_000_000)]
    findings: i64,
    /// Small tenants beside it
    #[arg(long, default_value_t = 1_000)]
    tenants: i64,
    /// Only pages whose name in the table has this text
    #[arg(long)]
    page: Option<String>,
    /// Seconds for which each page is asked for
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Clients that ask at the same time
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Resources that are evaluated
    #[arg(long, default_value_t = 50_000)]
    resources: usize,
    /// Findings that arrive at a reconcile
    #[arg(long, default_value_t = 100_000)]
    arriving: usize,
    /// Resources that are added to the stand-in cloud, one run each
    #[arg(long, value_delimiter = ',', default_value = "500,9500")]
    scale: Vec<u32>,
    /// Images in the registry that is read
    #[arg(long, default_value_t = 200)]
    images: usize,
    /// Images whose packages are matched, five hundred packages each
    #[arg(long, default_value_t = 2_000)]
    matched: usize,
    /// Different packages in them
    #[arg(long, default_value_t = 50_000)]
    packages: usize,
    /// Advisories that they are held against
    #[arg(long, default_value_t = 250_000)]
    advisories: usize,
    /// Pods of the clusters that are read and watched
    #[arg(long, value_delimiter = ',', default_value = "5000,100000")]
    pods: Vec<u32>,
    /// Folder for the database; a temporary one when it is not named. A folder that is kept is measured again as it is
    #[arg(long)]
    data: Option<PathBuf>,
    /// The child process that polls a source: the estate's description
    #[arg(long, hide = true)]
    poll: Option<PathBuf>,
    /// The child process that reads a registry: its host
    #[arg(long, hide = true)]
    read: Option<String>,
    /// The child process that polls a cluster: its address
    #[arg(long, hide = true)]
    poll_cluster: Option<String>,
    /// The child process that watches a cluster: its address
    #[arg(long, hide = true)]
    watch_cluster: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    Collect,
    Images,
    Kubernetes,
    Evaluate,
    Matching,
    Reconcile,
    Pages,
    Rank,
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        anyhow::bail!("the TLS provider cannot be installed");
    }
    if let Some(estate) = &arguments.poll {
        return collect::poll(estate).await;
    }
    if let Some(host) = &arguments.read {
        return images::read(host).await;
    }
    if let Some(server) = &arguments.poll_cluster {
        return kubernetes::poll(server).await;
    }
    if let Some(server) = &arguments.watch_cluster {
        return kubernetes::watch(server).await;
    }
    let mut table = Table::new();
    let wanted = |section| arguments.sections.is_empty() || arguments.sections.contains(&section);
    if wanted(Section::Evaluate) {
        evaluate::measure(&mut table, arguments.resources)?;
    }
    let evaluates_only = !arguments.sections.is_empty() && arguments.sections.iter().all(|s| *s == Section::Evaluate);
    if evaluates_only {
        return table.print();
    }
    let cluster = Cluster::open(arguments.data.as_deref()).await?;
    if wanted(Section::Collect) {
        collect::measure(&mut table, &cluster, &arguments.scale).await?;
    }
    if wanted(Section::Images) {
        images::measure(&mut table, &cluster, arguments.images).await?;
    }
    if wanted(Section::Kubernetes) {
        kubernetes::measure(&mut table, &cluster, &arguments.pods).await?;
    }
    if wanted(Section::Matching) {
        let Arguments { matched: images, packages, advisories, .. } = arguments;
        let size = matching::Size { images, packages, advisories };
        matching::measure(&mut table, &cluster, size).await?;
    }
    if wanted(Section::Reconcile) {
        reconcile::measure(&mut table, &cluster, arguments.arriving).await?;
    }
    if wanted(Section::Pages) {
        pages::measure(&mut table, &cluster, &arguments).await?;
    }
    if wanted(Section::Rank) {
        rank::measure(&mut table, &cluster, &arguments).await?;
    }
    cluster.close().await?;
    table.print()
}
