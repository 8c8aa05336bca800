//! The content that ships with the product: every check, compiled, and every framework.

use crate::check::Check;
use crate::engine::{CompileError, Compiled};
use crate::framework::{Control, Framework};
use include_dir::{Dir, DirEntry, include_dir};
use plumbline_core::filter::{CheckTerms, FrameworkTerms, Terms};
use plumbline_core::fix::FixNature;
use plumbline_core::layer::Layer;
use plumbline_core::path::Openings;
use plumbline_core::risk::WEIGHTS_VERSION;
use plumbline_core::score::{ControlWeight, Weighing, weight};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

static CHECKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/checks");
static FRAMEWORKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/frameworks");
static REGO: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rego");

/// Checks and frameworks of one version.
#[derive(Debug)]
pub struct Catalogue {
    checks: BTreeMap<String, Arc<Compiled>>,
    frameworks: BTreeMap<String, Framework>,
    by_kind: BTreeMap<String, Vec<Arc<Compiled>>>,
    terms: Arc<Terms>,
    version: String,
}

/// Content that cannot be used; names the file.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error("{file}: {source}")]
    Syntax { file: String, source: serde_yaml_ng::Error },
    #[error("{file}: {source}")]
    Rule { file: String, source: CompileError },
    #[error("{file}: the id {id} is not the file's name")]
    Misnamed { file: String, id: String },
    #[error("{file}: {id} is declared twice")]
    Duplicate { file: String, id: String },
    #[error("{file}: no such layer: the folder below checks/ is one of the six keys")]
    Layer { file: String },
}

/// A file of content: its path below its folder, and its text.
pub type File = (String, String);

impl Catalogue {
    /// The embedded content.
    ///
    /// # Panics
    /// When an embedded file is not valid; a test reads them all.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Catalogue> = LazyLock::new(|| {
            #[expect(clippy::panic, reason = "the embedded catalogue is part of the program; a test reads it")]
            Catalogue::read(&texts(&CHECKS), &texts(&FRAMEWORKS), &texts(&REGO))
                .unwrap_or_else(|error| panic!("embedded catalogue: {error}"))
        });
        &BUILTIN
    }

    /// Reads content from three folders on disk, as while writing checks.
    ///
    /// # Errors
    /// When a folder cannot be read, or as [`Catalogue::read`].
    pub fn from_folder(policy: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let read = |below: &str| on_disk(&policy.join(below));
        Ok(Self::read(&read("checks")?, &read("frameworks")?, &read("rego")?)?)
    }

    /// Compiles content.
    ///
    /// # Errors
    /// At the first file that is not valid.
    pub fn read(checks: &[File], frameworks: &[File], rego: &[File]) -> Result<Self, CatalogueError> {
        let mut catalogue = Self {
            checks: BTreeMap::new(),
            frameworks: BTreeMap::new(),
            by_kind: BTreeMap::new(),
            terms: Arc::default(),
            version: version(&[checks, frameworks, rego]),
        };
        for (file, text) in checks {
            catalogue.add_check(file, text, rego)?;
        }
        for (file, text) in frameworks {
            let framework: Framework = serde_yaml_ng::from_str(text)
                .map_err(|source| CatalogueError::Syntax { file: file.clone(), source })?;
            let id = framework.id.clone();
            if catalogue.frameworks.insert(id.clone(), framework).is_some() {
                return Err(CatalogueError::Duplicate { file: file.clone(), id });
            }
        }
        catalogue.terms = Arc::new(catalogue.read_terms());
        Ok(catalogue)
    }

    fn add_check(&mut self, file: &str, text: &str, rego: &[File]) -> Result<(), CatalogueError> {
        let mut check: Check =
            serde_yaml_ng::from_str(text).map_err(|source| CatalogueError::Syntax { file: file.to_owned(), source })?;
        if Path::new(file).file_stem().and_then(|s| s.to_str()) != Some(check.id.as_str()) {
            return Err(CatalogueError::Misnamed { file: file.to_owned(), id: check.id });
        }
        check.layer = file
            .split('/')
            .next()
            .and_then(Layer::parse)
            .ok_or_else(|| CatalogueError::Layer { file: file.to_owned() })?;
        let id = check.id.clone();
        let kind = check.resource.clone();
        let compiled =
            Compiled::new(check, rego).map_err(|source| CatalogueError::Rule { file: file.to_owned(), source })?;
        let compiled = Arc::new(compiled);
        self.by_kind.entry(kind).or_default().push(compiled.clone());
        if self.checks.insert(id.clone(), compiled).is_some() {
            return Err(CatalogueError::Duplicate { file: file.to_owned(), id });
        }
        Ok(())
    }

    /// A digest of all content and of the weights of the risk: verdicts of one version are comparable with each other.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    #[must_use]
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.get(id).map(|compiled| &compiled.check)
    }

    /// All checks, ordered by id.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.values().map(|compiled| &compiled.check)
    }

    /// The fix of a key, as the first check that has it describes it: checks with one key have one fix.
    #[must_use]
    pub fn fix(&self, key: &str) -> Option<&Check> {
        self.checks().find(|check| check.fix.key == key)
    }

    /// The checks that judge one kind.
    #[must_use]
    pub fn for_kind(&self, kind: &str) -> &[Arc<Compiled>] {
        self.by_kind.get(kind).map_or(&[], Vec::as_slice)
    }

    /// The compiled form of one check.
    #[must_use]
    pub fn compiled(&self, id: &str) -> Option<&Arc<Compiled>> {
        self.checks.get(id)
    }

    /// All frameworks, ordered by id.
    pub fn frameworks(&self) -> impl Iterator<Item = &Framework> {
        self.frameworks.values()
    }

    /// What this version weighs: each check is a control of the tenant's score, and of its layer's; a framework's
    /// controls are its own, as bad as the worst of their checks. Controls without checks weigh nothing: they are attested.
    #[must_use]
    pub fn weighing(&self) -> Weighing {
        let own = |check: &Check| ControlWeight { weight: weight(check.severity), checks: vec![check.id.clone()] };
        let mut parts: BTreeMap<String, Vec<ControlWeight>> = BTreeMap::new();
        for check in self.checks() {
            parts.entry(format!("layer:{}", check.layer.as_str())).or_default().push(own(check));
        }
        for framework in self.frameworks() {
            let controls = framework.controls.iter().filter_map(|control| self.weigh(control)).collect();
            parts.insert(format!("framework:{}", framework.id), controls);
        }
        Weighing {
            version: self.version.clone(),
            whole: self.checks().map(own).collect(),
            parts,
            ranking: WEIGHTS_VERSION,
            fixes: self.natures(),
            openings: self.openings(),
            terms: self.terms.clone(),
        }
    }

    /// What filters may say of its checks.
    #[must_use]
    pub fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    fn read_terms(&self) -> Terms {
        let check = |check: &Check| CheckTerms {
            id: check.id.clone(),
            title: check.title.clone(),
            layer: check.layer,
            kind: check.resource.clone(),
            severity: check.severity,
        };
        let framework = |framework: &Framework| FrameworkTerms {
            id: framework.id.clone(),
            controls: framework.controls.iter().map(|control| (control.id.clone(), control.checks.clone())).collect(),
        };
        Terms { checks: self.checks().map(check).collect(), frameworks: self.frameworks().map(framework).collect() }
    }

    /// What its checks open to an attacker.
    #[must_use]
    pub fn openings(&self) -> Openings {
        Openings::new(self.checks().filter_map(|check| Some((check.id.clone(), check.opens?))))
    }

    /// What the fixes of each key are like: upstream when one of its checks says so, as much work as the heaviest.
    #[must_use]
    pub fn natures(&self) -> BTreeMap<String, FixNature> {
        let mut natures: BTreeMap<String, FixNature> = BTreeMap::new();
        for check in self.checks() {
            let new = FixNature { upstream: check.fixes_upstream(), effort: check.effort };
            let nature = natures.entry(check.fix.key.clone()).or_insert(new);
            nature.upstream |= new.upstream;
            nature.effort = nature.effort.max(new.effort);
        }
        natures
    }

    fn weigh(&self, control: &Control) -> Option<ControlWeight> {
        let checks: Vec<&Check> = control.checks.iter().filter_map(|id| self.check(id)).collect();
        let worst = checks.iter().map(|check| check.severity).max()?;
        Some(ControlWeight { weight: weight(worst), checks: control.checks.clone() })
    }

    #[must_use]
    pub fn framework(&self, id: &str) -> Option<&Framework> {
        self.frameworks.get(id)
    }
}

fn version(parts: &[&[File]]) -> String {
    let mut hash = Sha256::new();
    hash.update(WEIGHTS_VERSION.to_be_bytes());
    for (name, text) in parts.iter().copied().flatten() {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name);
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hex::encode(&hash.finalize()[..8])
}

fn texts(dir: &Dir<'_>) -> Vec<File> {
    let mut files = Vec::new();
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(below) => files.extend(texts(below)),
            DirEntry::File(file) => {
                if let (Some(name), Some(text)) = (file.path().to_str(), file.contents_utf8())
                    && is_content(name)
                {
                    files.push((name.to_owned(), text.to_owned()));
                }
            }
        }
    }
    files.sort();
    files
}

fn on_disk(dir: &Path) -> std::io::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if is_content(&name) {
                files.push((name, std::fs::read_to_string(&path)?));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_content(name: &str) -> bool {
    let hidden = name.rsplit('/').next().is_some_and(|file| file.starts_with('.'));
    !hidden && (name.ends_with(".yaml") || name.ends_with(".rego"))
}
