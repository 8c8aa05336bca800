//! The access that the collector needs, told for those who grant it.

use super::settings::{Endpoint, Settings};
use plumbline_core::collect::AccessRecipe;
use serde_json::Value;

/// What to create; both ways as long as the settings do not say which it is.
pub(crate) fn recipes(settings: &Value) -> Vec<AccessRecipe> {
    let settings: Option<Settings> = serde_json::from_value(settings.clone()).ok();
    match settings.and_then(|settings| settings.endpoint().ok()) {
        Some(Endpoint::Socket(_)) => vec![socket(), plugin()],
        Some(Endpoint::Tls(_)) => vec![certificate(), plugin()],
        None => vec![certificate(), socket(), plugin()],
    }
}

fn recipe(title: &str, language: &str, text: &str) -> AccessRecipe {
    AccessRecipe { title: title.to_owned(), language: language.to_owned(), text: text.to_owned() }
}

fn certificate() -> AccessRecipe {
    recipe(
        "A client certificate of the engine's own authority",
        "yaml",
        "# On a machine that holds the authority of the engine (ca.pem, ca-key.pem):\n\
         openssl genrsa -out key.pem 4096\n\
         openssl req -new -key key.pem -subj /CN=plumbline -out client.csr\n\
         printf 'extendedKeyUsage = clientAuth\\n' > client.cnf\n\
         openssl x509 -req -days 365 -sha256 -in client.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial \\\n\
         \x20 -out cert.pem -extfile client.cnf\n\
         # The engine: dockerd --tlsverify --tlscacert=ca.pem --tlscert=server.pem --tlskey=server-key.pem -H tcp://0.0.0.0:2376\n",
    )
}

fn socket() -> AccessRecipe {
    recipe(
        "The socket, for a worker on the same machine",
        "yaml",
        "# The worker's user needs to be in the group of the socket. That group is as good as root on this machine:\n\
         # prefer a client certificate, and an authorization plugin that lets it read alone.\n\
         usermod -aG docker plumbline\n\
         # For the operator of this installation:\n\
         PLUMBLINE_ALLOW_DOCKER_SOCKETS=yes\n",
    )
}

fn plugin() -> AccessRecipe {
    recipe(
        "All that is called, for an authorization plugin",
        "json",
        r#"[
  { "method": "GET", "uri": "/info" },
  { "method": "GET", "uri": "/version" },
  { "method": "GET", "uri": "/containers/json" },
  { "method": "GET", "uri": "/containers/{id}/json" },
  { "method": "GET", "uri": "/exec/{id}/json" },
  { "method": "GET", "uri": "/images/json" },
  { "method": "GET", "uri": "/images/{name}/json" },
  { "method": "GET", "uri": "/networks" },
  { "method": "GET", "uri": "/volumes" },
  { "method": "GET", "uri": "/events" }
]
"#,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_core::kind::Kinds;
    use serde_json::json;

    #[test]
    fn the_list_of_calls_is_the_catalogues() {
        let calls: Vec<Value> = serde_json::from_str(&plugin().text).unwrap();
        let listed: std::collections::BTreeSet<String> = calls
            .iter()
            .map(|call| format!("{} {}", call["method"].as_str().unwrap(), call["uri"].as_str().unwrap()))
            .collect();
        // What happens in the engine is listened to, and is of no kind.
        let declared = Kinds::builtin().permissions("docker").into_iter().chain(["GET /events"]);
        assert_eq!(listed, declared.map(str::to_owned).collect());
    }

    #[test]
    fn each_way_gets_its_own_recipe() {
        assert_eq!(recipes(&Value::Null).len(), 3);
        assert_eq!(recipes(&json!({ "engine": "unix:///run/docker.sock" })).len(), 2);
        assert_eq!(recipes(&json!({ "engine": "https://host.example.com" }))[0].title, certificate().title);
    }
}
