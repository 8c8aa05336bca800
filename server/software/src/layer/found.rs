//! What is found in a layer while it is read, by path: an archive may write a path twice, and then the last one counts.

use super::contents::{
    Contents, Dropped, Executable, FileSecret, Listing, MOST_EXECUTABLES, MOST_SECRETS, MOST_WRITABLE, Privileged,
    Unread,
};
use super::refused::{MAY_HOLD, Refused};
use crate::component::Component;
use crate::distribution::Distribution;
use std::collections::BTreeMap;
use std::ops::Bound;

/// What is found at one path.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) is_folder: bool,
    pub(super) mode: u32,
    /// The reader that looked for packages in it, whether it found any or not.
    pub(super) read_by: Option<&'static str>,
    pub(super) components: Vec<Component>,
    pub(super) unread: Option<String>,
    pub(super) distribution: Option<Distribution>,
    pub(super) secrets: Vec<FileSecret>,
    pub(super) sha256: Option<String>,
    /// What is found in it under second names that are to come.
    pub(super) named: Vec<(String, Found)>,
}

impl Found {
    fn is_privileged(&self) -> bool {
        !self.is_folder && self.mode & 0o6000 != 0
    }

    fn is_writable(&self) -> bool {
        self.mode & 0o002 != 0 && !(self.is_folder && self.mode & 0o1000 != 0)
    }

    fn is_something(&self) -> bool {
        self.is_privileged()
            || self.is_writable()
            || self.read_by.is_some()
            || self.unread.is_some()
            || self.distribution.is_some()
            || !self.secrets.is_empty()
            || self.sha256.is_some()
            || !self.named.is_empty()
    }

    /// About how many bytes it takes.
    fn weight(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let component = |one: &Component| {
            let source = one.source.as_ref().map_or(0, |source| source.name.len() + source.version.len());
            size_of::<Component>() + one.name.len() + one.version.len() + one.path.len() + text(&one.licence) + source
        };
        let secret =
            |one: &FileSecret| size_of::<FileSecret>() + one.path.len() + one.kind.len() + one.fingerprint.len();
        let named = |(path, found): &(String, Self)| path.len() + found.weight();
        size_of::<Self>()
            + text(&self.unread)
            + text(&self.sha256)
            + self.components.iter().map(component).sum::<usize>()
            + self.secrets.iter().map(secret).sum::<usize>()
            + self.named.iter().map(named).sum::<usize>()
    }
}

/// All that is found so far.
#[derive(Debug, Default)]
pub(super) struct Finds {
    paths: BTreeMap<String, Found>,
    held: usize,
    hashed: usize,
    /// Files with code that were passed over.
    unhashed: u64,
}

impl Finds {
    pub(super) fn get(&self, path: &str) -> Option<&Found> {
        self.paths.get(path)
    }

    /// Whether one more hash is kept; counts those that are not. What a path is written over with counts again.
    pub(super) fn takes_hash(&mut self) -> bool {
        let takes = self.hashed < MOST_EXECUTABLES;
        self.hashed += usize::from(takes);
        self.unhashed += u64::from(!takes);
        takes
    }

    /// Counts a file with code whose hash is not known.
    pub(super) fn pass_over_hash(&mut self) {
        self.unhashed += 1;
    }

    /// What is found under a second name in the file at `target`, if that was asked for.
    pub(super) fn take_named(&mut self, target: &str, path: &str) -> Option<Found> {
        let named = &mut self.paths.get_mut(target)?.named;
        let at = named.iter().position(|(name, _)| name == path)?;
        Some(named.swap_remove(at).1)
    }

    /// Keeps what is found at a path.
    ///
    /// # Errors
    /// When all that is kept takes too much memory.
    pub(super) fn keep(&mut self, path: &str, found: Found) -> Result<(), Refused> {
        if !found.is_something() {
            return Ok(());
        }
        self.hold(path.len() + found.weight())?;
        self.paths.insert(path.to_owned(), found);
        Ok(())
    }

    /// Counts bytes that are kept until the end.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), Refused> {
        self.held = self.held.saturating_add(bytes);
        if self.held > MAY_HOLD {
            return Err(Refused::TooLarge("the layer lists more than is kept of one".to_owned()));
        }
        Ok(())
    }

    /// A path is written anew, as a folder.
    pub(super) fn forget(&mut self, path: &str) {
        self.paths.remove(path);
    }

    /// A path is written anew, as anything else: if it was a folder, what was in it is gone.
    pub(super) fn forget_below(&mut self, path: &str) {
        self.forget(path);
        let folder = format!("{path}/");
        loop {
            let mut below = self.paths.range::<str, _>((Bound::Included(folder.as_str()), Bound::Unbounded));
            let Some(first) = below.next().map(|(path, _)| path).filter(|path| path.starts_with(&folder)) else {
                return;
            };
            let first = first.clone();
            self.paths.remove(&first);
        }
    }

    /// Sorts it into a layer's contents.
    pub(super) fn sort_into(self, contents: &mut Contents) {
        contents.dropped.executables = self.unhashed;
        for (path, found) in self.paths {
            found.sort_into(&path, contents);
        }
    }
}

impl Found {
    fn sort_into(self, path: &str, contents: &mut Contents) {
        let Dropped { privileged, writable, secrets, executables } = &mut contents.dropped;
        let mode = || Privileged { path: path.to_owned(), mode: self.mode };
        if self.is_privileged() {
            push(&mut contents.privileged, mode(), MOST_WRITABLE, privileged);
        }
        if self.is_writable() {
            push(&mut contents.writable, mode(), MOST_WRITABLE, writable);
        }
        for secret in self.secrets {
            push(&mut contents.secrets, secret, MOST_SECRETS, secrets);
        }
        if let Some(sha256) = self.sha256 {
            let executable = Executable { path: path.to_owned(), sha256 };
            push(&mut contents.executables, executable, MOST_EXECUTABLES, executables);
        }
        if let Some(why) = self.unread {
            contents.unreadable.push(Unread { path: path.to_owned(), why });
        }
        if let Some(distribution) = self.distribution {
            contents.distribution.push((path.to_owned(), distribution));
        }
        if let Some(reader) = self.read_by.filter(|_| !self.components.is_empty()) {
            let listing = Listing { path: path.to_owned(), reader: reader.to_owned(), components: self.components };
            contents.listings.push(listing);
        }
    }
}

fn push<T>(list: &mut Vec<T>, one: T, most: usize, dropped: &mut u64) {
    if list.len() < most {
        list.push(one);
    } else {
        *dropped += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_hashed_any_more_is_counted() {
        let mut finds = Finds::default();
        assert_eq!((0..MOST_EXECUTABLES + 3).filter(|_| finds.takes_hash()).count(), MOST_EXECUTABLES);
        let mut contents = Contents::default();
        finds.sort_into(&mut contents);
        assert_eq!(contents.dropped.executables, 3);
    }
}
