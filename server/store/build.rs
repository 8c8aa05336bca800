//! Migrations are embedded by a macro that does not tell Cargo what it read.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
