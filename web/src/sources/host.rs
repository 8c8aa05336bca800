//! What a container host takes: nothing but a name, for its agent comes to us.

use serde_json::{Value, json};

/// The settings of a host's source.
pub(super) fn settings() -> Value {
    json!({ "agent": true })
}
