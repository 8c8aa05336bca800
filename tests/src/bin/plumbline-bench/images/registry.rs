//! A registry over HTTP that holds images which were made for it, all in memory.

use actix_web::dev::ServerHandle;
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// Images that are built on the same base, and those that share a repository.
const TOGETHER: usize = 20;
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MEBIBYTE: usize = 1 << 20;

struct Answer {
    content_type: &'static str,
    digest: String,
    bytes: Bytes,
}

/// A registry, until it is stopped.
pub(crate) struct Registry {
    pub(crate) host: String,
    /// Bytes of all layers, as archives.
    pub(crate) unpacked: usize,
    handle: ServerHandle,
}

impl Registry {
    /// Makes the images, and serves them on a port of loopback.
    pub(crate) fn serve(images: usize) -> anyhow::Result<Self> {
        let mut made = Made::default();
        made.all(images)?;
        let answers = Data::new(made.answers);
        let server = HttpServer::new(move || App::new().app_data(answers.clone()).default_service(web::to(answer)))
            .workers(1)
            .disable_signals()
            .bind(("127.0.0.1", 0))?;
        let host = server.addrs().first().context("the registry has no address")?.to_string();
        let running = server.run();
        let handle = running.handle();
        actix_web::rt::spawn(running);
        Ok(Self { host, unpacked: made.unpacked, handle })
    }

    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn answer(request: HttpRequest, answers: Data<HashMap<String, Answer>>) -> HttpResponse {
    match answers.get(request.path()) {
        Some(answer) => HttpResponse::Ok()
            .content_type(answer.content_type)
            .insert_header(("Docker-Content-Digest", answer.digest.clone()))
            .body(answer.bytes.clone()),
        None => HttpResponse::NotFound().json(json!({ "errors": [{ "code": "NAME_UNKNOWN" }] })),
    }
}

/// A layer, as it is stored.
#[derive(Clone)]
struct Layer {
    digest: String,
    diff_id: String,
    bytes: Bytes,
}

#[derive(Default)]
struct Made {
    answers: HashMap<String, Answer>,
    unpacked: usize,
}

impl Made {
    fn all(&mut self, images: usize) -> anyhow::Result<()> {
        let mut tags: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut base = Vec::new();
        for image in 0..images {
            if image % TOGETHER == 0 {
                base = vec![self.layer(&system(image))?, self.layer(&runtime(image))?];
            }
            let (repository, tag) = (format!("team/app-{}", image / TOGETHER), format!("1.{}.0", image % TOGETHER));
            let own = [self.layer(&application(image))?];
            self.image(&repository, &tag, base.iter().chain(&own))?;
            tags.entry(repository).or_default().push(tag);
        }
        self.document("/v2/", json!({}))?;
        self.document("/v2/_catalog", json!({ "repositories": tags.keys().collect::<Vec<_>>() }))?;
        for (name, tags) in &tags {
            self.document(&format!("/v2/{name}/tags/list"), json!({ "name": name, "tags": tags }))?;
        }
        Ok(())
    }

    fn image<'a>(
        &mut self,
        repository: &str,
        tag: &str,
        layers: impl Iterator<Item = &'a Layer> + Clone,
    ) -> anyhow::Result<()> {
        let config = json!({
            "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
            "config": { "User": "app", "Env": ["PATH=/usr/bin"], "Cmd": ["/usr/bin/app"] },
            "rootfs": { "type": "layers", "diff_ids": layers.clone().map(|layer| &layer.diff_id).collect::<Vec<_>>() },
            "history": layers.clone().map(|_| json!({ "created_by": "COPY . /" })).collect::<Vec<_>>(),
        });
        let config = Bytes::from(serde_json::to_vec(&config)?);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described(CONFIG, &digest(&config), &config),
            "layers": layers.clone().map(|layer| described(LAYER, &layer.digest, &layer.bytes)).collect::<Vec<_>>(),
        });
        let manifest = Bytes::from(serde_json::to_vec(&manifest)?);
        for reference in [tag, &digest(&manifest)] {
            self.add(format!("/v2/{repository}/manifests/{reference}"), MANIFEST, manifest.clone());
        }
        self.add(format!("/v2/{repository}/blobs/{}", digest(&config)), CONFIG, config);
        for layer in layers {
            self.add(format!("/v2/{repository}/blobs/{}", layer.digest), LAYER, layer.bytes.clone());
        }
        Ok(())
    }

    fn layer(&mut self, files: &[(String, Vec<u8>)]) -> anyhow::Result<Layer> {
        let archive = archive(files);
        self.unpacked += archive.len();
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        std::io::Write::write_all(&mut packed, &archive)?;
        let bytes = Bytes::from(packed.finish()?);
        Ok(Layer { digest: digest(&bytes), diff_id: digest(&archive), bytes })
    }

    fn document(&mut self, path: &str, value: Value) -> anyhow::Result<()> {
        self.add(path.to_owned(), "application/json", Bytes::from(serde_json::to_vec(&value)?));
        Ok(())
    }

    fn add(&mut self, path: String, content_type: &'static str, bytes: Bytes) {
        self.answers.insert(path, Answer { content_type, digest: digest(&bytes), bytes });
    }
}

/// How a manifest names a blob.
fn described(content_type: &str, digest: &str, bytes: &Bytes) -> Value {
    json!({ "mediaType": content_type, "digest": digest, "size": bytes.len() })
}

/// Files as tar writes them: a header of 512 bytes, then the content, filled up to as many again.
fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, content) in files {
        let mut header = [0u8; 512];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, path);
        put(100, "0000644\x000000000\x000000000\0");
        put(124, &format!("{:011o}\x0000000000000\0        0", content.len()));
        put(257, "ustar\x0000");
        let sum: u32 = header.iter().copied().map(u32::from).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// A distribution's packages, and 24 MiB of its files.
fn system(image: usize) -> Vec<(String, Vec<u8>)> {
    let mut status = String::new();
    for package in 0..150 {
        // A String takes whatever is written into it.
        let _ = writeln!(
            status,
            "Package: lib{package}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.{image}-{package}\n"
        );
    }
    let release = "ID=debian\nVERSION_ID=\"12\"\n".to_owned();
    let mut files = vec![
        ("etc/os-release".to_owned(), release.into_bytes()),
        ("var/lib/dpkg/status".to_owned(), status.into_bytes()),
    ];
    files.extend((0..24).map(|number| (format!("usr/lib/lib{number}.so"), noise(image * 1000 + number, MEBIBYTE))));
    files
}

/// A language and its libraries.
fn runtime(image: usize) -> Vec<(String, Vec<u8>)> {
    let metadata = |number: usize| {
        let folder = format!("usr/lib/python3/dist-packages/library_{number}-1.{image}.dist-info");
        let text = format!("Metadata-Version: 2.1\nName: library-{number}\nVersion: 1.{image}\nLicense: MIT\n");
        (format!("{folder}/METADATA"), text.into_bytes())
    };
    let mut files: Vec<_> = (0..50).map(metadata).collect();
    files.extend((0..8).map(|number| (format!("usr/bin/tool{number}"), noise(image * 1000 + 500 + number, MEBIBYTE))));
    files
}

/// What differs from image to image: three hundred packages of npm with some of their code.
fn application(image: usize) -> Vec<(String, Vec<u8>)> {
    let package = |number: usize| {
        let folder = format!("app/node_modules/package-{number}");
        let description =
            json!({ "name": format!("package-{number}"), "version": format!("{}.{image}.0", number % 5) });
        [
            (format!("{folder}/package.json"), description.to_string().into_bytes()),
            (format!("{folder}/index.js"), noise(image * 1000 + number, 4096)),
        ]
    };
    (0..300).flat_map(package).collect()
}

/// Bytes of which half can be compressed away, as with programs.
fn noise(seed: usize, length: usize) -> Vec<u8> {
    let mut bytes = vec![b'x'; length];
    let mut random = StdRng::seed_from_u64(seed as u64);
    for part in bytes.chunks_mut(1024).step_by(2) {
        random.fill_bytes(part);
    }
    bytes
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
