//! Reads a kubeconfig that somebody typed.
//!
//! It is another's word: nothing in it makes us run a command or read a file of ours. What would is refused, with what to
//! do instead.

use crate::settings::server_url;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_yaml_ng::Value;
use std::collections::BTreeMap;
use url::Url;

/// The largest kubeconfig, in bytes.
const LARGEST: usize = 1 << 20;

/// What a context of a kubeconfig comes to.
pub(crate) struct Found {
    pub(crate) server: Url,
    pub(crate) ca: Option<String>,
    pub(crate) who: Who,
    /// The name of the cluster's entry, which some tools make of its cloud name.
    pub(crate) cluster: String,
}

/// Who a kubeconfig says that we are.
#[derive(Clone)]
pub(crate) enum Who {
    Token(SecretString),
    /// Certificate and key, in PEM.
    Certificate {
        certificate: String,
        key: SecretString,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    current_context: Option<String>,
    #[serde(default)]
    contexts: Vec<Named>,
    #[serde(default)]
    clusters: Vec<Named>,
    #[serde(default)]
    users: Vec<Named>,
}

/// An entry, whose content stands under another name in each list.
#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    content: BTreeMap<String, Value>,
}

/// Reads a context, or the current one.
///
/// # Errors
/// With a sentence for the person who typed it.
pub(crate) fn read(text: &SecretString, context: Option<&str>) -> Result<Found, String> {
    let text = text.expose_secret();
    if text.len() > LARGEST {
        return Err("The kubeconfig is longer than a megabyte.".to_owned());
    }
    // The parser's own words would quote what was typed.
    let file: File = serde_yaml_ng::from_str(text).map_err(|_| "That is not a kubeconfig.".to_owned())?;
    let name = context.or(file.current_context.as_deref()).filter(|name| !name.is_empty());
    let name = name.ok_or("The kubeconfig has no current context: name the one that is meant.")?;
    let context = entry(&file.contexts, name, "context")?;
    let cluster = word(context, "cluster").ok_or_else(|| format!("The context {name} names no cluster."))?;
    let user = word(context, "user").ok_or_else(|| format!("The context {name} names no user."))?;
    let (server, ca) = read_cluster(entry(&file.clusters, cluster, "cluster")?)?;
    let who = read_user(entry(&file.users, user, "user")?)?;
    Ok(Found { server, ca, who, cluster: cluster.to_owned() })
}

fn entry<'a>(list: &'a [Named], name: &str, what: &str) -> Result<&'a Value, String> {
    let found = list.iter().find(|entry| entry.name == name).and_then(|entry| entry.content.get(what));
    found.ok_or_else(|| format!("The kubeconfig has no {what} {name}."))
}

fn word<'a>(of: &'a Value, field: &str) -> Option<&'a str> {
    of.get(field).and_then(Value::as_str).map(str::trim).filter(|word| !word.is_empty())
}

fn read_cluster(cluster: &Value) -> Result<(Url, Option<String>), String> {
    if cluster.get("insecure-skip-tls-verify").and_then(Value::as_bool) == Some(true) {
        return Err("The kubeconfig turns off the check of the API server's certificate \
                    (insecure-skip-tls-verify). Give its authority as certificate-authority-data instead."
            .to_owned());
    }
    refuse(cluster, "certificate-authority", "certificate-authority-data")?;
    if word(cluster, "proxy-url").is_some() || word(cluster, "tls-server-name").is_some() {
        return Err("The kubeconfig names a proxy or another name for the server; neither is supported.".to_owned());
    }
    let server = word(cluster, "server").ok_or("The kubeconfig names no API server.")?;
    let ca = word(cluster, "certificate-authority-data").map(|data| pem(data, "certificate-authority-data"));
    Ok((server_url(server)?, ca.transpose()?))
}

fn read_user(user: &Value) -> Result<Who, String> {
    for (field, words) in [
        ("exec", "runs a command to sign in (exec)"),
        ("auth-provider", "signs in with a plug-in (auth-provider)"),
        ("username", "signs in with a password, which API servers no longer take"),
        ("as", "acts as somebody else (impersonation)"),
    ] {
        if user.get(field).is_some() {
            return Err(format!(
                "The kubeconfig {words}; that is not done here. Make one with a token of a service account, as shown \
                 under the access that is needed; for EKS choose the AWS access key instead."
            ));
        }
    }
    for (field, instead) in
        [("tokenFile", "token"), ("client-certificate", "client-certificate-data"), ("client-key", "client-key-data")]
    {
        refuse(user, field, instead)?;
    }
    if let Some(token) = word(user, "token") {
        return Ok(Who::Token(SecretString::from(token)));
    }
    match (word(user, "client-certificate-data"), word(user, "client-key-data")) {
        (Some(certificate), Some(key)) => Ok(Who::Certificate {
            certificate: pem(certificate, "client-certificate-data")?,
            key: SecretString::from(pem(key, "client-key-data")?),
        }),
        _ => Err("The user of the kubeconfig has neither a token nor a certificate with its key.".to_owned()),
    }
}

/// Refuses the name of a file: it would be one of this server's.
fn refuse(of: &Value, field: &str, instead: &str) -> Result<(), String> {
    match of.get(field) {
        Some(_) => Err(format!(
            "The kubeconfig names a file ({field}), which is not here. Put its content in as {instead}: \
             kubectl config view --raw --flatten does so."
        )),
        None => Ok(()),
    }
}

fn pem(data: &str, field: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(data.split_whitespace().collect::<String>()).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| format!("{field} of the kubeconfig is not PEM in base64."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kubeconfig(cluster: &str, user: &str) -> SecretString {
        SecretString::from(format!(
            "current-context: shop\ncontexts:\n- name: shop\n  context: {{cluster: c, user: u}}\n\
             clusters:\n- name: c\n  cluster: {{server: https://c.example.com, {cluster}}}\n\
             users:\n- name: u\n  user: {{{user}}}\n"
        ))
    }

    #[test]
    fn a_context_comes_to_a_server_and_a_credential() {
        let found = read(&kubeconfig("certificate-authority-data: aGk=", "token: abc"), None).ok().unwrap();
        assert_eq!((found.server.as_str(), found.ca.as_deref()), ("https://c.example.com/", Some("hi")));
        assert!(matches!(found.who, Who::Token(token) if token.expose_secret() == "abc"));
        let keyed = kubeconfig("", "client-certificate-data: aGk=, client-key-data: aG8=");
        assert!(matches!(read(&keyed, Some("shop")).ok().unwrap().who, Who::Certificate { .. }));
        assert!(read(&keyed, Some("other")).is_err());
    }

    #[test]
    fn nothing_that_runs_a_command_or_reads_a_file_is_taken() {
        for (cluster, user, names) in [
            ("", "exec: {command: aws}", "exec"),
            ("", "auth-provider: {name: gcp}", "auth-provider"),
            ("", "tokenFile: /etc/shadow", "tokenFile"),
            ("", "client-certificate: /c, client-key: /k", "client-certificate"),
            ("certificate-authority: /etc/passwd", "token: abc", "certificate-authority"),
            ("insecure-skip-tls-verify: true", "token: abc", "insecure-skip-tls-verify"),
            ("", "username: a, password: b", "password"),
        ] {
            let refused = read(&kubeconfig(cluster, user), None).err().unwrap();
            assert!(refused.contains(names), "{refused}");
        }
    }

    #[test]
    fn what_is_no_kubeconfig_is_not_quoted() {
        for text in ["secret: [", "hush", "", "contexts: 7"] {
            let refused = read(&SecretString::from(text), None).err().unwrap();
            assert!(!refused.contains("hush") && !refused.contains("secret"), "{refused}");
        }
    }
}
