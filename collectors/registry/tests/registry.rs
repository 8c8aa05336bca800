//! Against a real registry: TLS by an authority of its own, passwords by htpasswd, images made here.
//!
//! Takes `docker-registry`, `htpasswd`, `openssl` and `skopeo`.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use plumbline_core::collect::{CollectError, Collector};
use plumbline_core::scope::Outcome;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use support::{Shelf, collector, connection, run};
use tempfile::TempDir;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A registry that lives as long as the test.
struct Registry {
    folder: TempDir,
    process: Child,
    host: String,
    ca: String,
    http: reqwest::Client,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn tool(name: &str, arguments: &[&str], within: &Path) -> Vec<u8> {
    let done = Command::new(name).args(arguments).current_dir(within).output();
    let done = done.unwrap_or_else(|error| panic!("{name} is needed for this test and does not start: {error}"));
    assert!(done.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// An authority, and a certificate by it for the loopback address.
fn certify(at: &Path) {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let authority = ["req", "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"];
    tool("openssl", &[&authority[..], &key[..]].concat(), at);
    let request = ["req", "-subj", "/CN=registry.example", "-keyout", "key.pem", "-out", "request.pem"];
    tool("openssl", &[&request[..], &key[..]].concat(), at);
    fs::write(at.join("extensions"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    #[rustfmt::skip]
    tool("openssl", &["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "2", "-extfile", "extensions", "-out", "cert.pem"], at);
}

impl Registry {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        certify(at);
        fs::write(at.join("passwords"), tool("htpasswd", &["-Bbn", "-C4", "reader", "swordfish"], at)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let config = json!({
            "version": "0.1",
            "log": { "level": "info", "accesslog": { "disabled": false } },
            "storage": { "filesystem": { "rootdirectory": at.join("data") } },
            "http": { "addr": host, "tls": { "certificate": at.join("cert.pem"), "key": at.join("key.pem") } },
            "auth": { "htpasswd": { "realm": "test", "path": at.join("passwords") } },
        });
        // YAML contains JSON.
        fs::write(at.join("config.yml"), config.to_string()).unwrap();
        let log = File::create(at.join("log")).unwrap();
        let mut command = Command::new("docker-registry");
        command.args(["serve", "config.yml"]).current_dir(at).stdout(log.try_clone().unwrap()).stderr(log);
        let process = command.stdin(Stdio::null()).spawn();
        let process = process.unwrap_or_else(|error| panic!("docker-registry is needed for this test: {error}"));
        let ca = fs::read_to_string(at.join("ca.pem")).unwrap();
        let certificate = reqwest::Certificate::from_pem(ca.as_bytes()).unwrap();
        let http = reqwest::Client::builder().no_proxy().tls_certs_merge([certificate]).build().unwrap();
        let registry = Self { folder, process, host, ca, http };
        registry.wait().await;
        registry
    }

    async fn wait(&self) {
        for _ in 0..100 {
            match self.http.get(self.url("")).send().await {
                Ok(_) => return,
                Err(error) if !error.is_connect() => panic!("{error:?}"),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("docker-registry does not answer: {}", self.log());
    }

    fn url(&self, rest: &str) -> String {
        format!("https://{}/v2/{rest}", self.host)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// How often something was got.
    fn gets(&self, what: &str) -> usize {
        self.log().lines().filter(|line| line.contains("\"GET ") && line.contains(what)).count()
    }

    fn settings(&self, more: Value) -> Value {
        let mut settings = json!({ "host": self.host, "ca": self.ca, "auth": { "by": "basic" } });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        settings
    }

    async fn push_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let begin = self.http.post(self.url(&format!("{repository}/blobs/uploads/")));
        let begun = begin.basic_auth("reader", Some("swordfish")).send().await.unwrap();
        let mut to = url::Url::parse(begun.headers()["location"].to_str().unwrap()).unwrap();
        to.query_pairs_mut().append_pair("digest", &digest);
        let put = self.http.put(to).basic_auth("reader", Some("swordfish")).body(bytes.to_vec()).send().await.unwrap();
        assert!(put.status().is_success(), "{}", put.text().await.unwrap());
        digest
    }

    async fn push_manifest(&self, repository: &str, tag: &str, kind: &str, manifest: &Value) -> String {
        let bytes = manifest.to_string();
        let put = self.http.put(self.url(&format!("{repository}/manifests/{tag}"))).header("content-type", kind);
        let put = put.basic_auth("reader", Some("swordfish")).body(bytes.clone()).send().await.unwrap();
        assert!(put.status().is_success(), "{}", put.text().await.unwrap());
        digest(bytes.as_bytes())
    }

    /// Pushes an image of these layers; returns its digest.
    async fn push(&self, repository: &str, tag: &str, layers: &[&[u8]], config: &Value) -> String {
        let mut listed = Vec::new();
        for &layer in layers {
            let digest = self.push_blob(repository, layer).await;
            listed.push(json!({ "mediaType": LAYER, "digest": digest, "size": layer.len() }));
        }
        let bytes = config.to_string();
        let digest = self.push_blob(repository, bytes.as_bytes()).await;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": listed,
            "config": { "mediaType": CONFIG, "digest": digest, "size": bytes.len() },
        });
        self.push_manifest(repository, tag, MANIFEST, &manifest).await
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A layer of regular files: (path, mode, content).
fn layer(files: &[(&str, u32, &str)]) -> Vec<u8> {
    let mut archive = GzEncoder::new(Vec::new(), Compression::none());
    for (path, mode, text) in files {
        archive.write_all(&header(path, *mode, text.len())).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
        archive.write_all(&vec![0; text.len().next_multiple_of(512) - text.len()]).unwrap();
    }
    archive.write_all(&[0; 1024]).unwrap();
    archive.finish().unwrap()
}

/// The header of a file in an archive (POSIX ustar).
fn header(path: &str, mode: u32, size: usize) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, &format!("{mode:07o}"));
    put(124, &format!("{size:011o}"));
    put(148, "        ");
    put(156, "0");
    put(257, "ustar");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header
}

fn base() -> Vec<u8> {
    let packages = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.15-2\n\n\
                    Package: curl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 7.88.1-10\n";
    layer(&[
        ("etc/os-release", 0o644, "ID=debian\nVERSION_ID=\"12\"\n"),
        ("var/lib/dpkg/status", 0o644, packages),
        ("usr/bin/su", 0o4755, "#!/bin/sh\n"),
    ])
}

fn config(architecture: &str, created: &str) -> Value {
    json!({
        "created": created, "os": "linux", "architecture": architecture,
        "config": { "User": "app", "Env": ["PATH=/usr/bin", "DB_PASSWORD=orange-kettle-41"], "Cmd": ["/app"] },
        "history": [{ "created_by": "ADD base /" }, { "created_by": "USER app", "empty_layer": true },
                    { "created_by": "COPY app /" }],
        "rootfs": { "type": "layers", "diff_ids": [] },
    })
}

fn secret() -> Value {
    json!({ "username": "reader", "password": "swordfish" })
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_read_once_and_whole() {
    let registry = Registry::start().await;
    let (base, app) = (base(), layer(&[("app", 0o755, "hello\n")]));
    let image = registry.push("team/api", "1.0.0", &[&base, &app], &config("amd64", "2024-05-01T10:00:00Z")).await;
    registry.push("team/web", "1.0.0", &[&base], &config("amd64", "2024-05-02T10:00:00Z")).await;
    registry.push("other/tool", "1.0.0", &[&app], &config("amd64", "2024-05-02T10:00:00Z")).await;

    let memory = Arc::new(Shelf::default());
    let source = connection(registry.settings(json!({ "repositories": ["team/*"] })), &secret());
    let told = run(&source, &memory).await;

    assert!(told.result.is_none(), "{:?}", told.result);
    assert_eq!(told.planned, told.ended.keys().cloned().collect());
    assert!(told.ended.values().all(Outcome::is_complete), "{:#?}", told.ended);
    assert_eq!(told.of_kind("image").len(), 2);
    let api = told.named("team/api:1.0.0");
    assert_eq!(api.uid, format!("{}/team/api@{image}", registry.host));
    assert!(api.unread.is_empty(), "{:#?}", api.unread);
    let kind = plumbline_core::kind::Kinds::builtin().get("image").unwrap();
    let names: Vec<&String> = api.attributes.keys().collect();
    assert!(kind.attributes.iter().all(|name| api.attributes.contains_key(name)), "{names:?}");
    assert!(api.attributes.keys().all(|name| kind.attributes.contains(name)), "{names:?}");
    assert_eq!(api.attributes["Distribution"], json!({ "id": "debian", "release": "12" }));
    assert_eq!(api.attributes["ComponentCount"], 2);
    assert_eq!(api.attributes["Layers"][0]["added"], 2);
    assert_eq!(api.attributes["Layers"][0]["createdBy"], "ADD base /");
    assert_eq!(api.attributes["Layers"][1]["added"], 0);
    assert_eq!(api.attributes["PrivilegedFiles"][0]["mode"], "4755");
    assert_eq!(api.attributes["Config"]["Env"], json!(["PATH", "DB_PASSWORD"]));
    assert!(!format!("{:?}", told.resources).contains("orange-kettle"), "a password is shown");
    let software = api.attributes["Software"].as_str().unwrap();
    assert!(memory.0.lock().unwrap().contains_key(software));
    let server = told.named(&registry.host);
    assert_eq!(server.attributes["AnonymousPull"], false);
    assert_eq!(server.attributes["Authentication"], "basic");
    assert_eq!(server.attributes["Catalogue"], 3);
    assert_eq!(told.named("team/api").attributes["SelectedTags"], json!([{ "tag": "1.0.0", "digest": image }]));
    // Shared by two images, got once; and never again.
    assert_eq!(registry.gets(&digest(&base)), 1);
    let pulled = registry.gets("/blobs/") + registry.gets("/manifests/");
    let again = run(&source, &memory).await;
    assert_eq!(registry.gets("/blobs/") + registry.gets("/manifests/"), pulled);
    assert!(pulled > 0);
    let sorted = |told: &support::Told| {
        let mut all: Vec<String> = told.resources.iter().map(|r| serde_json::to_string(r).unwrap()).collect();
        all.sort();
        all
    };
    assert_eq!(sorted(&told), sorted(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_its_platforms_and_docker_manifests_are_images_too() {
    let registry = Registry::start().await;
    let base = base();
    let mut listed = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let image =
            registry.push("team/api", architecture, &[&base], &config(architecture, "2024-05-01T10:00:00Z")).await;
        let size = registry.log().len();
        let platform = json!({ "os": "linux", "architecture": architecture });
        listed.push(json!({ "mediaType": MANIFEST, "digest": image, "size": size, "platform": platform }));
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": listed });
    let index = registry.push_manifest("team/api", "2.0.0", INDEX, &index).await;
    let place = |name: &str| format!("docker://{}/{name}", registry.host);
    #[rustfmt::skip]
    tool("skopeo", &["copy", "--format", "v2s2", "--src-tls-verify=false", "--dest-tls-verify=false",
        "--src-creds", "reader:swordfish", "--dest-creds", "reader:swordfish",
        &place("team/api:amd64"), &place("team/docker:1")], registry.folder.path());

    let tags = json!({ "policy": "semver", "count": 1 });
    let settings =
        registry.settings(json!({ "repositories": ["team/api"], "tags": tags, "platforms": ["linux/arm64"] }));
    let told = run(&connection(settings, &secret()), &Arc::default()).await;
    let images = told.of_kind("image");
    assert_eq!(images.len(), 1, "{told:#?}");
    assert_eq!(images[0].attributes["Platform"], "linux/arm64");
    assert_eq!(images[0].attributes["Index"], json!(index));
    assert_eq!(images[0].name, "team/api:2.0.0");
    assert!(images[0].edges.iter().any(|edge| edge.relation == "index" && edge.to.ends_with(&index)));

    let settings = registry.settings(json!({ "repositories": ["team/docker"] }));
    let told = run(&connection(settings, &secret()), &Arc::default()).await;
    let image = told.named("team/docker:1");
    assert_eq!(image.attributes["MediaType"], "application/vnd.docker.distribution.manifest.v2+json");
    assert_eq!(image.attributes["ComponentCount"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_images_are_chosen_by_their_dates() {
    let registry = Registry::start().await;
    for (tag, created) in
        [("zebra", "2021-01-01T00:00:00Z"), ("apple", "2024-01-01T00:00:00Z"), ("mango", "2023-01-01T00:00:00Z")]
    {
        registry.push("team/api", tag, &[&layer(&[(tag, 0o644, tag)])], &config("amd64", created)).await;
    }
    let tags = json!({ "policy": "newest", "count": 2 });
    let settings = registry.settings(json!({ "repositories": ["team/api"], "tags": tags }));
    let told = run(&connection(settings, &secret()), &Arc::default()).await;
    let mut names: Vec<&str> = told.of_kind("image").iter().map(|image| image.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["team/api:apple", "team/api:mango"]);
    assert_eq!(told.named("team/api").attributes["TagCount"], 3);
    assert_eq!(told.named("team/api").attributes["NewestCreated"], "2024-01-01T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_layer_is_unread_and_the_rest_is_whole() {
    let registry = Registry::start().await;
    let (good, bad) = (base(), layer(&[("bad", 0o644, "bad")]));
    registry.push("team/api", "good", &[&good], &config("amd64", "2024-05-01T10:00:00Z")).await;
    registry.push("team/api", "bad", &[&good, &bad], &config("amd64", "2024-05-01T10:00:00Z")).await;
    let hex = digest(&bad).replace("sha256:", "");
    let start = &hex[..2];
    let place = format!("data/docker/registry/v2/blobs/sha256/{start}/{hex}/data");
    let other = layer(&[("bad", 0o644, "BAD")]);
    assert_eq!(other.len(), bad.len(), "damage that changes no length");
    fs::write(registry.folder.path().join(place), &other).unwrap();

    let told = run(&connection(registry.settings(json!({})), &secret()), &Arc::default()).await;
    assert!(told.named("team/api:good").unread.is_empty());
    let bad = told.named("team/api:bad");
    for name in ["Secrets", "PrivilegedFiles", "Software", "ComponentCount", "Distribution", "Unreadable"] {
        assert!(!bad.attributes.contains_key(name), "{name}");
        assert!(bad.unread[name].detail.contains("another digest"), "{:?}", bad.unread[name]);
    }
    assert_eq!(bad.attributes["Layers"][0]["files"], 3);
    assert_eq!(bad.attributes["Layers"][1]["files"], Value::Null);
    assert_eq!(bad.attributes["Config"]["User"], "app");
    assert!(told.outcome("team/api", "registry.images").is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_count_when_a_trusted_key_made_them() {
    let registry = Registry::start().await;
    let signed = registry.push("team/api", "1", &[&base()], &config("amd64", "2024-05-01T10:00:00Z")).await;
    registry.push("team/api", "2", &[&base()], &config("arm64", "2024-05-01T10:00:00Z")).await;
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let payload =
        json!({ "critical": { "identity": { "docker-reference": "" }, "type": "cosign container image signature",
        "image": { "docker-manifest-digest": signed } }, "optional": null })
        .to_string();
    let signature = STANDARD.encode(pair.sign(&SystemRandom::new(), payload.as_bytes()).unwrap());
    let blob = registry.push_blob("team/api", payload.as_bytes()).await;
    let empty = registry.push_blob("team/api", b"{}").await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": { "mediaType": CONFIG, "digest": empty, "size": 2 },
        "layers": [{ "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "digest": blob, "size": payload.len(),
                     "annotations": { "dev.cosignproject.cosign/signature": signature } }],
    });
    registry.push_manifest("team/api", &format!("{}.sig", signed.replace(':', "-")), MANIFEST, &manifest).await;
    let mut der = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    der.extend_from_slice(pair.public_key().as_ref());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&der));

    let memory = Arc::new(Shelf::default());
    let told = run(&connection(registry.settings(json!({ "trusted_keys": [pem] })), &secret()), &memory).await;
    assert_eq!(told.of_kind("image").len(), 2, "a signature is no image");
    let found = &told.named("team/api:1").attributes["Signatures"];
    assert_eq!(found[0]["verified"], true, "{found}");
    assert_eq!(found[0]["key"], hex::encode(Sha256::digest(&der)));
    assert_eq!(told.named("team/api:2").attributes["Signatures"], json!([]));
    let told = run(&connection(registry.settings(json!({})), &secret()), &memory).await;
    let found = &told.named("team/api:1").attributes["Signatures"];
    assert_eq!((&found[0]["verified"], &found[0]["why"]), (&json!(false), &json!("no key is configured")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_us_out_is_said() {
    let registry = Registry::start().await;
    registry.push("team/api", "1", &[&base()], &config("amd64", "2024-05-01T10:00:00Z")).await;
    let memory = Arc::new(Shelf::default());

    let wrong = connection(registry.settings(json!({})), &json!({ "username": "reader", "password": "wrong" }));
    assert!(matches!(run(&wrong, &memory).await.result, Some(CollectError::Refused(_))));
    let settings = registry.settings(json!({ "auth": { "by": "anonymous" }, "repositories": ["team/api"] }));
    let told = run(&connection(settings, &json!({})), &memory).await;
    let Outcome::Denied { permission, .. } = told.outcome("team/api", "registry.images") else { panic!("{told:#?}") };
    assert_eq!(permission, "repository:team/api:pull");
    let mut untrusted = registry.settings(json!({}));
    untrusted.as_object_mut().unwrap().remove("ca");
    let told = run(&connection(untrusted, &secret()), &memory).await;
    assert!(matches!(told.result, Some(CollectError::Unreachable(_))), "{told:#?}");
    let settings = registry.settings(json!({ "repositories": ["team/gone", "team/api"] }));
    let told = run(&connection(settings, &secret()), &memory).await;
    assert!(matches!(told.outcome("team/gone", "registry.images"), Outcome::Failed { .. }));
    assert!(told.outcome("team/api", "registry.images").is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_test_tells_line_by_line() {
    let registry = Registry::start().await;
    registry.push("team/api", "1", &[&base()], &config("amd64", "2024-05-01T10:00:00Z")).await;
    let good = connection(registry.settings(json!({})), &secret());
    let lines = collector().probe(&good).await.unwrap();
    assert!(lines.iter().all(|line| line.ok), "{lines:#?}");
    let whats: Vec<&str> = lines.iter().map(|line| line.what.as_str()).collect();
    assert_eq!(whats, ["Reach", "Sign-in", "Catalogue", "team/api"]);
    let settings = registry.settings(json!({ "repositories": ["team/gone"] }));
    let wrong = connection(settings, &json!({ "username": "reader", "password": "wrong" }));
    let lines = collector().probe(&wrong).await.unwrap();
    let ok: Vec<bool> = lines.iter().map(|line| line.ok).collect();
    assert_eq!(ok, [true, false, false], "{lines:#?}");
}
