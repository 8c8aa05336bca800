//! The stand-in cluster by itself, for `./dev up` and for a look at it with kubectl.
//!
//!     plumbline-lab-cluster [PORT]
//!     kubectl --server http://127.0.0.1:5007 --token admin get deployments --all-namespaces

use anyhow::{Context, Result};
use plumbline_tests::cluster::{Cluster, TOKEN, estate};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let port = std::env::args().nth(1).map_or(Ok(0), |port| port.parse()).context("the port is a number")?;
    let cluster = Cluster::start_at(port).or_else(|_| Cluster::start())?;
    cluster.load(estate())?;
    cluster.grant(&Value::Null)?;
    #[expect(clippy::print_stdout, reason = "what was started says where it is")]
    {
        println!("{}", json!({ "server": cluster.endpoint, "token": TOKEN }));
    }
    loop {
        std::thread::park();
    }
}
