//! The one pass over a text: where a known beginning stands, the detector it belongs to looks closer.

use super::{Hit, MOST, cloud, jwt, key, token};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use memchr::memmem;
use std::cell::OnceCell;
use std::sync::LazyLock;

/// A place in a text at which the beginning of a secret's form was seen.
pub(super) struct Look<'a> {
    pub(super) bytes: &'a [u8],
    /// Where the beginning starts and ends.
    pub(super) at: usize,
    pub(super) after: usize,
    pub(super) file: &'a File<'a>,
}

/// What is asked of the whole file, once.
pub(super) struct File<'a> {
    pub(super) path: &'a str,
    bytes: &'a [u8],
    is_docker_config: OnceCell<bool>,
    is_kubeconfig: OnceCell<bool>,
    is_service_account: OnceCell<bool>,
}

impl<'a> File<'a> {
    fn new(path: &'a str, bytes: &'a [u8]) -> Self {
        let unknown = OnceCell::new;
        Self { path, bytes, is_docker_config: unknown(), is_kubeconfig: unknown(), is_service_account: unknown() }
    }

    fn has(&self, words: &[&str]) -> bool {
        words.iter().all(|word| memmem::find(self.bytes, word.as_bytes()).is_some())
    }

    pub(super) fn is_docker_config(&self) -> bool {
        *self.is_docker_config.get_or_init(|| self.has(&["\"auths\""]) || self.path.ends_with(".dockercfg"))
    }

    pub(super) fn is_kubeconfig(&self) -> bool {
        *self.is_kubeconfig.get_or_init(|| self.has(&["kind: Config", "clusters:", "users:"]))
    }

    pub(super) fn is_service_account(&self) -> bool {
        *self.is_service_account.get_or_init(|| self.has(&["\"service_account\"", "\"private_key\""]))
    }
}

/// Looks closer at a place.
pub(super) type Detector = fn(&Look<'_>) -> Option<Hit>;

/// A beginning, and who looks closer.
pub(super) struct Anchor {
    pub(super) text: &'static str,
    pub(super) look: Detector,
}

static ANCHORS: LazyLock<Vec<&'static Anchor>> =
    LazyLock::new(|| [key::ANCHORS, cloud::ANCHORS, jwt::ANCHORS, token::ANCHORS].into_iter().flatten().collect());

/// The automaton over all beginnings. That it can be built depends on nothing but this program; a test does.
static BEGINNINGS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .kind(Some(AhoCorasickKind::DFA))
        .build(ANCHORS.iter().map(|anchor| anchor.text))
        .ok()
});

/// The secrets that are known by their form; at most [`MOST`].
pub(super) fn find(path: &str, bytes: &[u8]) -> Vec<Hit> {
    hits(path, bytes).take(MOST).collect()
}

/// The secrets that are known by their form, all of them.
pub(super) fn find_all(bytes: &[u8]) -> Vec<Hit> {
    hits("", bytes).collect()
}

fn hits<'a>(path: &'a str, bytes: &'a [u8]) -> impl Iterator<Item = Hit> + 'a {
    let file = File::new(path, bytes);
    let mut free = 0;
    BEGINNINGS.iter().flat_map(move |automaton| automaton.find_iter(bytes)).filter_map(move |found| {
        if found.start() < free {
            return None;
        }
        let anchor = ANCHORS.get(found.pattern().as_usize())?;
        let hit = (anchor.look)(&Look { bytes, at: found.start(), after: found.end(), file: &file })?;
        free = free.max(hit.end);
        Some(hit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_automaton_is_built_and_every_beginning_is_its_own() {
        assert!(BEGINNINGS.is_some());
        for anchor in ANCHORS.iter() {
            let first = BEGINNINGS.as_ref().and_then(|automaton| automaton.find(anchor.text)).map(|found| found.end());
            assert_eq!(first, Some(anchor.text.len()), "{}", anchor.text);
        }
    }
}
