//! The wildcards of policies: `*` for any characters and `?` for one.

/// Whether everything that `narrow` matches, `wide` matches too. `narrow` may have wildcards itself, or be plain text.
/// True is certain; false may, for odd patterns, be too careful.
pub(in crate::facts) fn covers(wide: &str, narrow: &str) -> bool {
    let narrow: Vec<char> = narrow.chars().collect();
    // reach[j]: the part of `wide` read so far covers the first j characters of `narrow`.
    let mut reach = vec![false; narrow.len() + 1];
    reach[0] = true;
    for w in wide.chars() {
        let mut next = vec![false; narrow.len() + 1];
        if w == '*' {
            let mut open = false;
            for (j, reached) in reach.iter().enumerate() {
                open |= *reached;
                next[j] = open;
            }
        } else {
            for (j, n) in narrow.iter().enumerate() {
                next[j + 1] = reach[j] && *n != '*' && (*n == w || w == '?');
            }
        }
        reach = next;
    }
    reach.last().copied().unwrap_or(false)
}

/// Whether some text matches both patterns.
pub(super) fn overlap(left: &str, right: &str) -> bool {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut table = vec![vec![false; right.len() + 1]; left.len() + 1];
    for i in (0..=left.len()).rev() {
        for j in (0..=right.len()).rev() {
            table[i][j] = match (left.get(i), right.get(j)) {
                (None, None) => true,
                (Some('*'), None) => table[i + 1][j],
                (None, Some('*')) => table[i][j + 1],
                (Some('*'), Some(_)) => table[i + 1][j] || table[i][j + 1],
                (Some(_), Some('*')) => table[i][j + 1] || table[i + 1][j],
                (Some(l), Some(r)) => (l == r || *l == '?' || *r == '?') && table[i + 1][j + 1],
                _ => false,
            };
        }
    }
    table[0][0]
}

pub(super) fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether it is nothing but wildcards that match anything.
pub(super) fn is_anything(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b == b'*')
}

/// `*`, or an ARN with nothing fixed but the partition.
pub(super) fn is_all_resources(pattern: &str) -> bool {
    is_anything(pattern) || covers(pattern, "arn:aws:*:*:*:*")
}

/// The account field of an ARN; empty where the ARN has none.
pub(super) fn arn_account(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let begins = parts.next()? == "arn";
    let account = parts.nth(3)?;
    (begins && parts.next().is_some()).then_some(account)
}

pub(super) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}
