//! What a score is of: the whole tenant, or a part of it as postures keep it.

use crate::fixes::pair;
use crate::words;
use plumbline_core::id::SourceId;
use plumbline_core::layer::Layer;
use plumbline_core::score::{ControlWeight, Weighing};
use plumbline_policy::Catalogue;
use plumbline_store::plan::Within;
use plumbline_store::posture::Posture;
use plumbline_store::source::SourceName;

/// One thing that has a score.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Part {
    #[default]
    Whole,
    Layer(Layer),
    Framework(String),
    Source(SourceId),
    /// The resources that carry one value of a tag.
    Group {
        key: String,
        value: String,
    },
}

impl Part {
    /// Reads the word of an address or a table; frameworks are those of the catalogue.
    pub(crate) fn parse(word: &str, catalogue: &Catalogue) -> Option<Self> {
        match word.split_once(':') {
            None if word == "whole" => Some(Self::Whole),
            Some(("layer", layer)) => Layer::parse(layer).map(Self::Layer),
            Some(("framework", id)) => catalogue.framework(id).map(|framework| Self::Framework(framework.id.clone())),
            Some(("source", id)) => id.parse().ok().map(Self::Source),
            Some(("group", tag)) => {
                let (key, value) = tag.split_once('=').filter(|(key, _)| !key.is_empty())?;
                Some(Self::Group { key: key.to_owned(), value: value.to_owned() })
            }
            _ => None,
        }
    }

    /// The word, as [`Posture::part`] knows it.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Whole => "whole".to_owned(),
            Self::Layer(layer) => format!("layer:{}", layer.as_str()),
            Self::Framework(id) => format!("framework:{id}"),
            Self::Source(id) => format!("source:{id}"),
            Self::Group { key, value } => format!("group:{key}={value}"),
        }
    }

    /// What it is called.
    pub(crate) fn title(&self, catalogue: &Catalogue, sources: &[SourceName]) -> String {
        match self {
            Self::Whole => "Everything".to_owned(),
            Self::Layer(layer) => words::layer(*layer).to_owned(),
            Self::Framework(id) => catalogue
                .framework(id)
                .map_or_else(|| id.clone(), |framework| format!("{} {}", framework.title, framework.version)),
            Self::Source(id) => sources
                .iter()
                .find(|source| source.source_id == id.0)
                .map_or_else(|| "A source that is gone".to_owned(), |source| source.name.clone()),
            Self::Group { key, value } => format!("{key} {value}"),
        }
    }

    /// Whose losses and fixes count.
    pub(crate) fn within(&self) -> Within {
        match self {
            Self::Source(id) => Within::Source(*id),
            Self::Group { key, value } => Within::Group(key.clone(), value.clone()),
            _ => Within::Everything,
        }
    }

    /// Where its findings are listed.
    pub(crate) fn findings(&self) -> String {
        match self {
            Self::Whole => "/findings".to_owned(),
            Self::Layer(layer) => format!("/findings?{}", pair("layer", layer.as_str())),
            Self::Framework(id) => format!("/compliance/{id}"),
            Self::Source(id) => format!("/findings?{}", pair("source", &id.to_string())),
            Self::Group { key, value } => format!("/findings?{}", pair("tag", &format!("{key}={value}"))),
        }
    }

    /// The page that says how it stands.
    pub(crate) fn href(&self) -> String {
        format!("/posture/part?{}", pair("part", &self.word()))
    }

    /// The controls that its score is made of.
    pub(crate) fn controls<'a>(&self, weighing: &'a Weighing) -> &'a [ControlWeight] {
        match self {
            Self::Whole | Self::Source(_) | Self::Group { .. } => &weighing.whole,
            Self::Layer(_) | Self::Framework(_) => weighing.parts.get(&self.word()).map_or(&[], Vec::as_slice),
        }
    }

    /// The checks of these controls, where they are not all that there are.
    pub(crate) fn checks(&self, weighing: &Weighing) -> Option<Vec<String>> {
        match self {
            Self::Whole | Self::Source(_) | Self::Group { .. } => None,
            _ => Some(self.controls(weighing).iter().flat_map(|control| control.checks.iter().cloned()).collect()),
        }
    }

    /// Its unrounded score.
    pub(crate) fn score(&self, posture: &Posture) -> Option<f64> {
        if *self == Self::Whole { Some(posture.score) } else { posture.part(&self.word()) }
    }

    /// The groups that a posture tells of, by name.
    pub(crate) fn groups(posture: &Posture) -> impl Iterator<Item = Self> {
        posture.parts.0.keys().filter_map(|name| {
            let (key, value) = name.strip_prefix("group:")?.split_once('=')?;
            Some(Self::Group { key: key.to_owned(), value: value.to_owned() })
        })
    }

    /// Everything else that has a score of its own, in the order in which pages offer it.
    pub(crate) fn all(catalogue: &Catalogue, sources: &[SourceName]) -> Vec<Self> {
        let layers = Layer::ALL.into_iter().filter(|layer| catalogue.checks().any(|check| check.layer == *layer));
        let mut all = vec![Self::Whole];
        all.extend(layers.map(Self::Layer));
        all.extend(catalogue.frameworks().map(|framework| Self::Framework(framework.id.clone())));
        all.extend(sources.iter().map(|source| Self::Source(SourceId(source.source_id))));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_comes_back_from_the_part_it_names() {
        let catalogue = Catalogue::builtin();
        let group = Part::Group { key: "team".to_owned(), value: "a=b".to_owned() };
        for part in Part::all(catalogue, &[]).into_iter().chain([group]) {
            assert_eq!(Part::parse(&part.word(), catalogue), Some(part.clone()));
            assert!(!part.controls(&catalogue.weighing()).is_empty() || matches!(part, Part::Framework(_)));
        }
        for nonsense in ["", "layer:attic", "framework:none-such", "source:1", "group:a", "group:=b"] {
            assert_eq!(Part::parse(nonsense, catalogue), None);
        }
    }
}
