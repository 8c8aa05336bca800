//! Manifests, indexes and image configurations, as the OCI image specification and Docker's second schema write them.

use crate::client::Fetched;
use crate::digest::Digest;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The most layers of an image, and manifests of an index, that are looked at.
pub(crate) const LAYERS: usize = 512;
pub(crate) const MANIFESTS: usize = 512;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// Points to something by its digest.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) digest: String,
    #[serde(default)]
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) platform: Option<Platform>,
    #[serde(default)]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) artifact_type: Option<String>,
}

impl Descriptor {
    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Platform {
    #[serde(default)]
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) architecture: String,
    #[serde(default)]
    pub(crate) variant: Option<String>,
}

impl Platform {
    /// `linux/arm64/v8`.
    pub(crate) fn name(&self) -> String {
        let variant = self.variant.as_deref().filter(|variant| !variant.is_empty());
        let parts = [Some(self.os.as_str()), Some(self.architecture.as_str()), variant];
        parts.into_iter().flatten().collect::<Vec<_>>().join("/")
    }

    /// Build attestations stand in an index under this platform.
    pub(crate) fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    #[serde(default)]
    pub(crate) layers: Vec<Descriptor>,
    #[serde(default)]
    pub(crate) artifact_type: Option<String>,
    #[serde(default)]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Index {
    #[serde(default)]
    pub(crate) manifests: Vec<Descriptor>,
    #[serde(default)]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
}

/// What a digest turned out to name.
pub(crate) enum Document {
    Image(Box<Manifest>),
    Index(Index),
    /// Something else that registries keep: a chart, a signature, an attestation. The word says which.
    Artifact(String),
}

/// Reads what the registry sent.
///
/// # Errors
/// With one line that says why it is not read.
pub(crate) fn read(fetched: &Fetched) -> Result<Document, String> {
    let document: Value = serde_json::from_slice(&fetched.bytes).map_err(|_| "the manifest is not JSON".to_owned())?;
    let stated = document.get("mediaType").and_then(Value::as_str).unwrap_or(&fetched.media_type).to_owned();
    if document.get("schemaVersion").and_then(Value::as_u64) == Some(1) {
        return Err("the manifest is of Docker's first schema, which is deprecated and not read: push the image anew"
            .to_owned());
    }
    let wrong = |error: serde_json::Error| format!("the manifest cannot be understood: {error}");
    // A document that states one type and has the shape of another is an attack on whoever trusts the statement.
    let (has_layers, has_manifests) = (document.get("layers").is_some(), document.get("manifests").is_some());
    if has_layers && has_manifests {
        return Err("the manifest claims to be an image and an index at once".to_owned());
    }
    match stated.as_str() {
        OCI_INDEX | DOCKER_LIST => index(document).map_err(wrong)?,
        OCI_MANIFEST | DOCKER_MANIFEST => image(document).map_err(wrong),
        _ if has_manifests => index(document).map_err(wrong)?,
        _ if has_layers => image(document).map_err(wrong),
        other => Ok(Document::Artifact(other.chars().take(200).collect())),
    }
}

fn index(document: Value) -> Result<Result<Document, String>, serde_json::Error> {
    let index: Index = serde_json::from_value(document)?;
    if index.manifests.len() > MANIFESTS {
        return Ok(Err(format!("the index lists more than {MANIFESTS} manifests")));
    }
    Ok(Ok(Document::Index(index)))
}

fn image(document: Value) -> Result<Document, serde_json::Error> {
    let manifest: Manifest = serde_json::from_value(document)?;
    let config = manifest.config.media_type.as_str();
    let artifact = manifest.artifact_type.as_deref().filter(|kind| !CONFIGS.contains(kind));
    if CONFIGS.contains(&config) && artifact.is_none() {
        return Ok(Document::Image(Box::new(manifest)));
    }
    Ok(Document::Artifact(artifact.unwrap_or(config).chars().take(200).collect()))
}

impl Index {
    /// The manifests that may be images, with what is known of their platforms.
    pub(crate) fn images(&self) -> impl Iterator<Item = (&Descriptor, Digest)> {
        let wanted = self.manifests.iter().filter(|entry| {
            let attestation = entry.annotation("vnd.docker.reference.type").is_some();
            let unknown = entry.platform.as_ref().is_some_and(Platform::is_unknown);
            !attestation && !unknown && entry.artifact_type.is_none()
        });
        wanted.filter_map(|entry| Digest::parse(&entry.digest).map(|digest| (entry, digest)))
    }

    pub(crate) fn created(&self) -> Option<&str> {
        created(self.annotations.as_ref())
    }
}

impl Manifest {
    pub(crate) fn created(&self) -> Option<&str> {
        created(self.annotations.as_ref())
    }
}

fn created(annotations: Option<&BTreeMap<String, String>>) -> Option<&str> {
    annotations?.get("org.opencontainers.image.created").map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fetched(document: &Value) -> Fetched {
        let bytes = serde_json::to_vec(document).unwrap();
        Fetched { digest: Digest::of(&bytes), media_type: String::new(), bytes }
    }

    fn of(letter: &str) -> String {
        format!("sha256:{}", letter.repeat(64))
    }

    #[test]
    fn both_schemas_of_images_are_read() {
        for (manifest, config) in [(OCI_MANIFEST, CONFIGS[0]), (DOCKER_MANIFEST, CONFIGS[1])] {
            let document = json!({ "schemaVersion": 2, "mediaType": manifest, "layers": [],
                "config": { "mediaType": config, "digest": of("a"), "size": 2 } });
            assert!(matches!(read(&fetched(&document)), Ok(Document::Image(_))), "{manifest}");
        }
    }

    #[test]
    fn a_manifest_of_the_first_schema_is_refused_with_words() {
        let refused = read(&fetched(&json!({ "schemaVersion": 1, "fsLayers": [] }))).err().unwrap();
        assert!(refused.contains("first schema"), "{refused}");
    }

    #[test]
    fn what_is_no_image_says_what_it_is() {
        let chart = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [],
            "config": { "mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": of("a") } });
        let Ok(Document::Artifact(kind)) = read(&fetched(&chart)) else { panic!("an artifact") };
        assert_eq!(kind, "application/vnd.cncf.helm.config.v1+json");
    }

    #[test]
    fn a_document_of_two_shapes_is_refused() {
        let document = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "layers": [] });
        assert!(read(&fetched(&document)).is_err());
    }

    #[test]
    fn attestations_in_an_index_are_no_images() {
        let document = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
            { "digest": of("a"), "platform": { "os": "linux", "architecture": "arm64", "variant": "v8" } },
            { "digest": of("b"), "platform": { "os": "unknown", "architecture": "unknown" } },
            { "digest": "sha256:nonsense" },
        ] });
        let Ok(Document::Index(index)) = read(&fetched(&document)) else { panic!("an index") };
        let images: Vec<_> = index.images().collect();
        assert_eq!(images.len(), 1);
        assert_eq!(images[0].0.platform.as_ref().unwrap().name(), "linux/arm64/v8");
    }
}
