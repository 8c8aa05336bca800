//! Which image another is built on: the one whose layers it begins with.

/// Whether an image begins with all layers of another and has more. Both name their layers alike, lowest first: by diff id
/// or by digest. An image without layers is nobody's base.
#[must_use]
pub fn is_base_of(base: &[String], image: &[String]) -> bool {
    !base.is_empty() && base.len() < image.len() && image.starts_with(base)
}

/// The name of the known image that an image is built on most closely: the one with the most layers; the first of several.
#[must_use]
pub fn nearest<'a>(image: &[String], known: impl Iterator<Item = (&'a str, &'a [String])>) -> Option<&'a str> {
    let mut nearest: Option<(&str, usize)> = None;
    for (name, base) in known.filter(|(_, base)| is_base_of(base, image)) {
        if nearest.is_none_or(|(_, layers)| base.len() > layers) {
            nearest = Some((name, base.len()));
        }
    }
    nearest.map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(names: &str) -> Vec<String> {
        names.chars().map(String::from).collect()
    }

    #[test]
    fn a_base_has_the_first_layers_but_not_all() {
        assert!(is_base_of(&layers("ab"), &layers("abc")));

        assert!(!is_base_of(&layers("abc"), &layers("abc")));
        assert!(!is_base_of(&layers("ac"), &layers("abc")));
        assert!(!is_base_of(&layers("bc"), &layers("abc")));
        assert!(!is_base_of(&[], &layers("abc")));
    }

    #[test]
    fn the_nearest_base_has_the_most_layers() {
        let known =
            [("os", layers("a")), ("runtime", layers("abc")), ("same", layers("abc")), ("other", layers("abx"))];
        let known = || known.iter().map(|(name, layers)| (*name, layers.as_slice()));

        assert_eq!(nearest(&layers("abcd"), known()), Some("runtime"));
        assert_eq!(nearest(&layers("abc"), known()), Some("os"));
        assert_eq!(nearest(&layers("xyz"), known()), None);
    }
}
