//! SPDX as tag-value text: `Tag: value` lines, where a value between `<text>` and `</text>` may span several.

use super::document::{Document, Package, note, stated};
use crate::sbom::Unreadable;
use std::collections::HashMap;

/// How many lines in the version of a document must have been met.
const HEAD: usize = 500;

/// Reads a document; its version is not looked at yet.
pub(super) fn read(text: &str) -> Result<Document, Unreadable> {
    if !text.lines().take(HEAD).any(|line| line.starts_with("SPDXVersion:")) {
        return Err(Unreadable::Format("neither JSON nor SPDX tag-value text".to_owned()));
    }
    let mut reading = Reading::default();
    let mut rest = text;
    while !rest.is_empty() {
        let (pair, after) = next(rest).map_err(Unreadable::Damaged)?;
        rest = after;
        if let Some((tag, value)) = pair {
            reading.take(tag, value).map_err(Unreadable::Damaged)?;
        }
    }
    reading.finish().map_err(Unreadable::Damaged)
}

/// A tag and its value.
type Pair<'a> = (&'a str, &'a str);

/// The pair on the next line, if there is one, and what follows.
fn next(text: &str) -> Result<(Option<Pair<'_>>, &str), String> {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    let pair = line.split_once(':').filter(|(tag, _)| !tag.trim_start().starts_with('#'));
    let Some((tag, value)) = pair.map(|(tag, value)| (tag.trim(), value.trim())) else { return Ok((None, after)) };
    if !value.starts_with("<text>") {
        return Ok((Some((tag, value)), after));
    }
    let opened = text.split_once("<text>").map_or("", |(_, opened)| opened);
    let (value, rest) = opened.split_once("</text>").ok_or_else(|| format!("the text of {tag} does not end"))?;
    Ok((Some((tag, value)), rest.split_once('\n').map_or("", |(_, after)| after)))
}

/// What the lines so far say.
#[derive(Default)]
struct Reading {
    document: Document,
    package: Option<Package>,
    concluded: Option<String>,
    /// Inside a file, a snippet or a licence, whose tags are not asked for.
    elsewhere: bool,
    /// What the annotation at hand is about, and what it says.
    about: Option<String>,
    said: Option<String>,
    annotations: Vec<(String, String)>,
}

impl Reading {
    fn take(&mut self, tag: &str, value: &str) -> Result<(), String> {
        match tag {
            "PackageName" => {
                self.close()?;
                let mut package = Package::default();
                value.clone_into(&mut package.facts.name);
                self.package = Some(package);
            }
            "FileName" | "SnippetSPDXID" | "LicenseID" => {
                self.close()?;
                self.elsewhere = true;
            }
            "Relationship" => self.relate(value),
            "Annotator" => self.annotate(),
            "SPDXREF" => self.about = Some(value.to_owned()),
            "AnnotationComment" => self.said = Some(value.to_owned()),
            _ if self.elsewhere => {}
            _ => self.describe(tag, value),
        }
        Ok(())
    }

    /// Takes a property of the document or of the package at hand.
    fn describe(&mut self, tag: &str, value: &str) {
        let text = || value.to_owned();
        match (&mut self.package, tag) {
            (None, "SPDXVersion") => self.document.version = text(),
            (None, "DocumentName") => self.document.name = text(),
            (None, "DocumentNamespace") => self.document.namespace = text(),
            (None, "Created") => self.document.created = text(),
            (Some(package), "SPDXID") => package.id = text(),
            (Some(package), "PackageVersion") => package.facts.version = text(),
            (Some(package), "PrimaryPackagePurpose") => package.purpose = text(),
            (Some(package), "PackageLicenseDeclared") => package.facts.licence = stated(Some(text())),
            (Some(_), "PackageLicenseConcluded") => self.concluded = stated(Some(text())),
            (Some(package), "ExternalRef") if package.facts.purl.is_none() => package.facts.purl = purl_of(value),
            _ => {}
        }
    }

    fn relate(&mut self, value: &str) {
        let mut words = value.split_whitespace();
        if let (Some(from), Some(kind), Some(to)) = (words.next(), words.next(), words.next()) {
            self.document.described.relate(from, kind, to);
        }
    }

    /// Ends the annotation at hand.
    fn annotate(&mut self) {
        if let (Some(about), Some(said)) = (self.about.take(), self.said.take())
            && said.starts_with("plumbline:")
        {
            self.annotations.push((about, said));
        }
    }

    /// Ends the package at hand.
    fn close(&mut self) -> Result<(), String> {
        self.annotate();
        self.elsewhere = false;
        let concluded = self.concluded.take();
        let Some(mut package) = self.package.take() else { return Ok(()) };
        package.facts.licence = package.facts.licence.or(concluded);
        self.document.take(package)
    }

    /// The document, with every annotation where it belongs.
    fn finish(mut self) -> Result<Document, String> {
        self.close()?;
        let Document { packages, notes, .. } = &mut self.document;
        let mut by_id: HashMap<String, &mut Package> =
            packages.iter_mut().map(|package| (package.id.clone(), package)).collect();
        for (about, said) in &self.annotations {
            match by_id.get_mut(about) {
                Some(package) => note(&mut package.facts.notes, said),
                None => note(notes, said),
            }
        }
        Ok(self.document)
    }
}

/// The package URL of a reference, if it is one: `PACKAGE-MANAGER purl pkg:…`.
fn purl_of(value: &str) -> Option<String> {
    let mut words = value.split_whitespace().skip(1);
    (words.next() == Some("purl")).then(|| words.next().map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_span_lines() {
        let (pair, rest) = next("A: <text>one\ntwo: 2</text>\nB: three\n").unwrap();
        assert_eq!(pair, Some(("A", "one\ntwo: 2")));
        assert_eq!(next(rest).unwrap().0, Some(("B", "three")));

        assert_eq!(next("# A: comment\n").unwrap(), (None, ""));
        assert!(next("A: <text>never").is_err());
    }
}
