//! The content is embedded by a macro that does not tell Cargo what it read.

fn main() {
    for folder in ["checks", "frameworks", "rego"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
