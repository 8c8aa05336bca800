//! One image: what its manifest, its configuration and its layers say, as attributes.

use crate::client::Client;
use crate::config::{self, ImageConfig};
use crate::contents;
use crate::digest::Digest;
use crate::error::{ReadError, pull};
use crate::layers::Layers;
use crate::manifest::{LAYERS, Manifest, OCI_MANIFEST};
use plumbline_core::collect::Memory;
use plumbline_core::resource::Unread;
use plumbline_core::text::one_line;
use plumbline_software::layer::{self, Contents, READER_VERSION, Software};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Changes whenever the attributes made here change; images kept under an older one are described anew.
const FORM: u32 = 1;

/// Attributes that come of the configuration, and of what the layers hold.
const OF_CONFIG: [&str; 4] = ["Created", "Platform", "Config", "History"];
const OF_LAYERS: [&str; 6] = ["Secrets", "Distribution", "PrivilegedFiles", "Software", "ComponentCount", "Unreadable"];
/// All that a digest decides.
pub(crate) const OF_DIGEST: [&str; 13] = [
    "MediaType",
    "Size",
    "Layers",
    "Created",
    "Platform",
    "Config",
    "History",
    "Secrets",
    "Distribution",
    "PrivilegedFiles",
    "Software",
    "ComponentCount",
    "Unreadable",
];

/// What a digest stands for; the same wherever and whenever it is read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Described {
    pub(crate) attributes: Map<String, Value>,
    #[serde(skip)]
    pub(crate) unread: BTreeMap<String, Unread>,
}

impl Described {
    /// An image of which nothing but its digest is known.
    pub(crate) fn unread(why: &Unread) -> Self {
        let unread = OF_DIGEST.iter().map(|&name| (name.to_owned(), why.clone())).collect();
        Self { attributes: Map::new(), unread }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_str()
    }

    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.attributes.insert(name.to_owned(), value.into());
    }

    fn miss(&mut self, names: &[&str], why: &Unread) {
        self.unread.extend(names.iter().map(|&name| (name.to_owned(), why.clone())));
    }
}

/// Under which key a whole description is kept.
pub(crate) fn key(digest: &Digest) -> String {
    format!("image/{digest}/{FORM}.{READER_VERSION}")
}

/// Under which key an image's software is kept, for whoever matches it with advisories.
pub(crate) fn software_key(digest: &Digest) -> String {
    layer::software_key(digest.as_str())
}

/// Reads images of one repository.
pub(crate) struct Reader<'a> {
    pub(crate) client: &'a Client,
    pub(crate) memory: &'a Arc<dyn Memory>,
    pub(crate) layers: &'a Layers,
    pub(crate) repository: &'a str,
}

impl Reader<'_> {
    /// Describes an image, and keeps the description when nothing of it is missing. None for one whose platform is not
    /// wanted, which is then not read.
    ///
    /// # Errors
    /// Only when the run cannot go on.
    pub(crate) async fn describe(
        &self,
        digest: &Digest,
        media_type: &str,
        manifest: &Manifest,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Option<Described>, ReadError> {
        if manifest.layers.len() > LAYERS {
            let why = format!("the image has more than {LAYERS} layers");
            return Ok(Some(Described::unread(&not_read(self.repository, &why))));
        }
        let mut described = Described::default();
        let kind = if media_type.is_empty() { OCI_MANIFEST } else { media_type };
        described.set("MediaType", kind);
        let sizes = manifest.layers.iter().map(|layer| layer.size);
        described.set("Size", sizes.fold(manifest.config.size, u64::saturating_add));
        let config = self.config(manifest).await;
        match &config {
            Ok(config) if !wanted(&config.platform.name()) => return Ok(None),
            Ok(config) => {
                described.set("Created", config.created.clone());
                described.set("Platform", config.platform.name());
                described.set("Config", config.settings());
                described.set("History", config.history());
            }
            Err(ReadError::Closed) => return Err(ReadError::Closed),
            Err(error) => described.miss(&OF_CONFIG, &error.clone().into_unread(self.repository)),
        }
        self.contents(&mut described, digest, manifest, config.as_ref().ok()).await?;
        if described.unread.is_empty() {
            let kept = serde_json::to_vec(&described).map_err(|_| ReadError::Closed)?;
            self.keep(&key(digest), kept).await?;
        }
        Ok(Some(described))
    }

    async fn config(&self, manifest: &Manifest) -> Result<ImageConfig, ReadError> {
        let digest = Digest::parse(&manifest.config.digest)
            .ok_or_else(|| ReadError::failed("the image's configuration has no digest that can be checked"))?;
        let bytes = self.client.blob(self.repository, &digest, config::LARGEST).await?;
        ImageConfig::parse(&bytes).map_err(ReadError::failed)
    }

    async fn contents(
        &self,
        described: &mut Described,
        digest: &Digest,
        manifest: &Manifest,
        config: Option<&ImageConfig>,
    ) -> Result<(), ReadError> {
        let read = self.layers.of_image(self.client, self.repository, &manifest.layers).await?;
        let whole: Result<Vec<Arc<Contents>>, ReadError> = read.iter().cloned().collect();
        let makers = config.map(|config| config.makers(manifest.layers.len())).unwrap_or_default();
        let of_each: Vec<Option<&Contents>> = read.iter().map(|one| one.as_deref().ok()).collect();
        let software = match whole {
            Ok(layers) => Some(self.merge(digest, layers).await?),
            Err(error) => {
                described.miss(&OF_LAYERS, &error.into_unread(self.repository));
                None
            }
        };
        described.set("Layers", contents::layers(&manifest.layers, &makers, &of_each, software.as_ref()));
        let Some(software) = software else { return Ok(()) };
        let found = config.map(ImageConfig::secrets).unwrap_or_default();
        described.attributes.extend(contents::attributes(&software, &manifest.layers, &software_key(digest), found));
        if let (None, Some(why)) = (config, described.unread.get("Config").cloned()) {
            // Half of where secrets hide was not seen.
            described.attributes.remove("Secrets");
            described.miss(&["Secrets"], &why);
        }
        Ok(())
    }

    async fn merge(&self, digest: &Digest, layers: Vec<Arc<Contents>>) -> Result<Software, ReadError> {
        let merging = tokio::task::spawn_blocking(move || {
            let layers: Vec<Contents> = layers.into_iter().map(Arc::unwrap_or_clone).collect();
            let software = layer::merge(&layers);
            (software.pack(), software)
        });
        let (packed, software) = merging.await.map_err(|_| ReadError::Closed)?;
        self.keep(&software_key(digest), packed).await?;
        Ok(software)
    }

    async fn keep(&self, key: &str, content: Vec<u8>) -> Result<(), ReadError> {
        self.memory.keep(key, content).await.map_err(|_| ReadError::Closed)
    }
}

/// The attributes that the tags and the registry decide.
pub(crate) fn place(repository: &str, digest: &Digest, tags: &[String], index: Option<&Digest>) -> Map<String, Value> {
    let pairs = [
        ("Repository", json!(repository)),
        ("Digest", json!(digest.as_str())),
        ("Tags", json!(tags)),
        ("Index", json!(index.map(Digest::as_str))),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Why nothing of an image is known but that it is there.
pub(crate) fn not_read(repository: &str, why: &str) -> Unread {
    Unread { permission: pull(repository), denied: false, detail: one_line(why) }
}
