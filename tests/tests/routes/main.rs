//! What the routes answer, one file a noun.

mod account;
mod audit;
mod bills;
mod compliance;
mod finding;
mod findings;
mod fixes;
mod image_rules;
mod images;
mod invitations;
mod limits;
mod members;
mod pages;
mod posture;
mod provider;
mod resources;
mod sessions;
mod setup;
mod sign_in;
mod sources;
mod sources_cluster;
mod sources_docker;
mod sources_registry;
mod stack;
mod tenants;
