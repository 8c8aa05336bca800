//! Reads a Kubernetes cluster: what runs in it, who may do what, what is reachable and what is let in.
//!
//! Each resource of the API is listed in pages, and watched from there on while the source is polled: a poll tells what is
//! held, and a change brings the next one forward. Pods are counted into what owns them. Values of secrets are dropped
//! while they are parsed. What could not be listed ends its scope, with the verb and the resource that are missing.

mod access;
mod api;
mod aws;
mod client;
mod cluster;
mod connect;
mod control_plane;
mod credential;
mod discovery;
mod edges;
mod error;
mod follow;
mod held;
mod kubeconfig;
mod list;
mod live;
mod object;
mod operator;
mod pod;
mod probe;
mod reference;
mod resource;
mod run;
mod settings;
mod subject;
mod tell;
mod wire;
mod workload;

pub use operator::{Operator, OwnCluster, Patience};
pub use run::KubernetesCollector;
pub use settings::{Auth, Settings};
