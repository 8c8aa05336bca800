//! The configuration that a kubelet runs with, defaults made explicit.
//!
//! Shape: null where it was not read, otherwise {anonymous, authorization, client_ca, read_only_port, idle_seconds,
//! iptables_chains, event_qps, certificate, key, server_bootstrap, rotates, cipher_suites, min_tls, pids_limit,
//! seccomp_default, protects_kernel_defaults, debugging_handlers, gates}. The kubelet's own answer (`configz`) names all
//! of it; the defaults here are those of its configuration file, which differ from those of its flags.

use super::component::seconds;
use super::{number, text};
use serde_json::{Value, json};

/// The facts of a node's `kubeletConfig`.
pub(super) fn facts(config: &Value) -> Value {
    if !config.is_object() {
        return Value::Null;
    }
    let authentication = &config["authentication"];
    let or = |value: &Value, default: bool| value.as_bool().unwrap_or(default);
    json!({
        "anonymous": or(&authentication["anonymous"]["enabled"], false),
        "authorization": text(&config["authorization"]["mode"]).unwrap_or("Webhook"),
        "client_ca": text(&authentication["x509"]["clientCAFile"]),
        "read_only_port": number(&config["readOnlyPort"]).unwrap_or(0),
        "idle_seconds": config["streamingConnectionIdleTimeout"].as_str().map_or(Some(14_400), seconds),
        "iptables_chains": or(&config["makeIPTablesUtilChains"], true),
        "event_qps": number(&config["eventRecordQPS"]).unwrap_or(50),
        "certificate": text(&config["tlsCertFile"]),
        "key": text(&config["tlsPrivateKeyFile"]),
        "server_bootstrap": or(&config["serverTLSBootstrap"], false),
        "rotates": or(&config["rotateCertificates"], false),
        "cipher_suites": config["tlsCipherSuites"].as_array().cloned().unwrap_or_default(),
        "min_tls": text(&config["tlsMinVersion"]).unwrap_or("VersionTLS12"),
        "pids_limit": number(&config["podPidsLimit"]).unwrap_or(-1),
        "seccomp_default": or(&config["seccompDefault"], false),
        "protects_kernel_defaults": or(&config["protectKernelDefaults"], false),
        "debugging_handlers": or(&config["enableDebuggingHandlers"], true),
        "gates": config["featureGates"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_is_all_defaults() {
        let kubelet = facts(&json!({}));
        assert_eq!((&kubelet["anonymous"], &kubelet["authorization"]), (&json!(false), &json!("Webhook")));
        assert_eq!((&kubelet["pids_limit"], &kubelet["idle_seconds"]), (&json!(-1), &json!(14_400)));
        assert_eq!(facts(&Value::Null), Value::Null);
    }

    #[test]
    fn what_is_said_is_taken() {
        let kubelet = facts(&json!({ "authentication": { "anonymous": { "enabled": true } }, "readOnlyPort": "10255",
            "streamingConnectionIdleTimeout": "0s", "podPidsLimit": 4096 }));
        assert_eq!((&kubelet["anonymous"], &kubelet["read_only_port"]), (&json!(true), &json!(10_255)));
        assert_eq!((&kubelet["idle_seconds"], &kubelet["pids_limit"]), (&json!(0), &json!(4_096)));
    }
}
