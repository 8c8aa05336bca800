//! The layers of an image as a picture: one block each, as high as it is large, and beside it what it brought.

use super::size;
use plumbline_store::software::LayerSum;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The height of the whole picture, unless it has so many layers that none could be seen.
const HEIGHT: u64 = 360;
/// The least height of a block.
const LEAST: u64 = 12;
/// The longest command that is shown, in letters.
const COMMAND: usize = 400;

/// The layers, topmost first.
pub(super) struct Stack {
    pub(super) layers: Vec<Layer>,
    pub(super) height: u64,
    /// How many are the base's.
    pub(super) of_base: usize,
}

pub(super) struct Layer {
    /// As people count, from 1 at the bottom.
    pub(super) number: usize,
    pub(super) digest: String,
    pub(super) size: String,
    pub(super) command: Option<String>,
    pub(super) is_base: bool,
    pub(super) components: i64,
    /// Class, number and word of its flaws, worst first.
    pub(super) flaws: Vec<(&'static str, i64, &'static str)>,
    pub(super) secrets: i64,
    /// Where its block begins and how high it is.
    pub(super) y: u64,
    pub(super) height: u64,
    /// The class of its worst flaw.
    pub(super) mean: Option<&'static str>,
}

impl Stack {
    /// None when the image's attributes have no layers. `of_base` of them, from the bottom, are the base's.
    pub(super) fn of(attributes: &Map<String, Value>, sums: &[LayerSum], of_base: i32) -> Option<Self> {
        let all = attributes.get("Layers")?.as_array().filter(|layers| !layers.is_empty())?;
        let of_base = usize::try_from(of_base).unwrap_or(0);
        let sums: HashMap<usize, &LayerSum> =
            sums.iter().filter_map(|sum| Some((usize::try_from(sum.layer).ok()?, sum))).collect();
        let mut secrets = secrets(attributes);
        let mut layers: Vec<Layer> = all
            .iter()
            .enumerate()
            .map(|(at, layer)| {
                let mut one = Layer::of(at, layer, sums.get(&at).copied());
                one.is_base = at < of_base;
                // The same layer twice has its secrets once.
                one.secrets = secrets.remove(one.digest.as_str()).unwrap_or(0);
                one
            })
            .collect();
        layers.reverse();
        let sizes: Vec<u64> = all.iter().rev().map(|layer| layer["size"].as_u64().unwrap_or(0)).collect();
        let height = place(&mut layers, &sizes);
        Some(Self { layers, height, of_base })
    }
}

impl Layer {
    fn of(at: usize, layer: &Value, sum: Option<&LayerSum>) -> Self {
        let sum = sum.cloned().unwrap_or_default();
        let flaws: Vec<(&'static str, i64, &'static str)> = [
            ("critical", sum.exploited, "exploited"),
            ("critical", sum.critical, "critical"),
            ("high", sum.high, "high"),
            ("medium", sum.medium, "medium"),
            ("low", sum.low, "low"),
        ]
        .into_iter()
        .filter(|(_, count, _)| *count > 0)
        .collect();
        Self {
            number: at + 1,
            digest: layer["digest"].as_str().unwrap_or_default().to_owned(),
            size: size(layer["size"].as_u64().unwrap_or(0)),
            command: layer["createdBy"].as_str().map(command).filter(|text| !text.is_empty()),
            is_base: false,
            components: sum.components,
            mean: flaws.first().map(|(class, ..)| *class),
            flaws,
            secrets: 0,
            y: 0,
            height: 0,
        }
    }
}

/// How many secrets files of each layer hold.
fn secrets(attributes: &Map<String, Value>) -> HashMap<&str, i64> {
    let all = attributes.get("Secrets").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut counts = HashMap::new();
    for layer in all.iter().filter_map(|secret| secret.get("layer")?.as_str()) {
        *counts.entry(layer).or_default() += 1;
    }
    counts
}

/// The command that made a layer, without what builders write around it.
fn command(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix("/bin/sh -c #(nop)").unwrap_or(text).trim();
    let text = text.strip_prefix("/bin/sh -c ").map_or_else(|| text.to_owned(), |rest| format!("RUN {rest}"));
    let text = text.strip_suffix("# buildkit").unwrap_or(&text).trim();
    if text.chars().count() <= COMMAND {
        return text.to_owned();
    }
    text.chars().take(COMMAND).chain(std::iter::once('…')).collect()
}

/// Gives each block its place from the top: what is left above the least height is shared out by size. Returns the height
/// of all.
fn place(layers: &mut [Layer], sizes: &[u64]) -> u64 {
    let count = u64::try_from(layers.len()).unwrap_or(0);
    let total = sizes.iter().fold(0u64, |sum, size| sum.saturating_add(*size)).max(1);
    let spare = HEIGHT.saturating_sub(count * LEAST);
    let mut y = 0;
    for (layer, size) in layers.iter_mut().zip(sizes) {
        let share = u128::from(spare) * u128::from(*size) / u128::from(total);
        layer.y = y;
        layer.height = LEAST + u64::try_from(share).unwrap_or(0);
        y += layer.height;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attributes(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn the_topmost_layer_comes_first_and_the_base_is_marked() {
        let read = attributes(json!({
            "Layers": [
                { "digest": "sha256:a", "size": 90_000_000, "createdBy": "/bin/sh -c #(nop) ADD file:1 in / " },
                { "digest": "sha256:b", "size": 10_000_000, "createdBy": "/bin/sh -c apt-get install -y curl" },
                { "digest": "sha256:b", "size": 10_000_000, "createdBy": null },
            ],
            "Secrets": [{ "layer": "sha256:b" }, { "layer": "sha256:b" }, { "layer": null }],
        }));
        let sums = [LayerSum { layer: 1, components: 3, high: 2, low: 1, ..LayerSum::default() }];

        let stack = Stack::of(&read, &sums, 1).expect("layers");

        let told: Vec<_> = stack.layers.iter().map(|l| (l.number, l.is_base, l.components, l.secrets)).collect();
        assert_eq!(told, [(3, false, 0, 0), (2, false, 3, 2), (1, true, 0, 0)]);
        assert_eq!(stack.layers[1].flaws, [("high", 2, "high"), ("low", 1, "low")]);
        assert_eq!(stack.layers[1].mean, Some("high"));
        assert_eq!(stack.layers[1].command.as_deref(), Some("RUN apt-get install -y curl"));
        assert_eq!(stack.layers[2].command.as_deref(), Some("ADD file:1 in /"));
        assert!(stack.layers[2].height > 5 * stack.layers[1].height, "nine times the size");
        assert_eq!(stack.layers[2].y + stack.layers[2].height, stack.height);
    }

    #[test]
    fn a_layer_can_always_be_seen() {
        let many: Vec<Value> = (0..100).map(|_| json!({ "digest": "sha256:a", "size": u64::MAX })).collect();
        let stack = Stack::of(&attributes(json!({ "Layers": many })), &[], -1).expect("layers");
        assert!(stack.layers.iter().all(|layer| layer.height >= LEAST) && stack.height >= 100 * LEAST);
        let empty = attributes(json!({ "Layers": [{ "digest": "sha256:a", "size": 0 }] }));
        assert_eq!(Stack::of(&empty, &[], 0).expect("layers").height, LEAST);
    }

    #[test]
    fn layers_that_were_not_read_are_no_picture() {
        assert!(Stack::of(&Map::new(), &[], 0).is_none());
        assert!(Stack::of(&attributes(json!({ "Layers": null })), &[], 0).is_none());
    }
}
