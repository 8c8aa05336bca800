//! Licence expressions: whether what a package states may stand where the formats want SPDX's own words.

/// The commonest identifiers of the SPDX licence list. One that is not here is written as free text, which is always valid.
const IDENTIFIERS: &[&str] = &[
    "0BSD",
    "AFL-2.1",
    "AFL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.1",
    "Apache-2.0",
    "Artistic-1.0",
    "Artistic-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-2-Clause-Patent",
    "BSD-3-Clause",
    "BSD-4-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "CDDL-1.1",
    "CPL-1.0",
    "EPL-1.0",
    "EPL-2.0",
    "EUPL-1.2",
    "FTL",
    "GFDL-1.2-only",
    "GFDL-1.3-or-later",
    "GPL-1.0-or-later",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "HPND",
    "ICU",
    "ISC",
    "JSON",
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "Libpng",
    "MIT",
    "MIT-0",
    "MPL-1.1",
    "MPL-2.0",
    "MS-PL",
    "NCSA",
    "OFL-1.1",
    "OpenSSL",
    "PHP-3.01",
    "PSF-2.0",
    "PostgreSQL",
    "Python-2.0",
    "Ruby",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Vim",
    "W3C",
    "WTFPL",
    "X11",
    "Zlib",
    "ZPL-2.1",
    "curl",
    "zlib-acknowledgement",
];

const EXCEPTIONS: &[&str] = &["Classpath-exception-2.0", "GCC-exception-3.1", "LLVM-exception"];

/// The longest statement that is looked at, in bytes.
const LONGEST: usize = 1_000;

/// What a statement of a licence is to the formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statement {
    /// One identifier of the SPDX list.
    Identifier,
    /// Identifiers joined by `AND`, `OR` and `WITH`.
    Expression,
    /// Anything else.
    Text,
}

/// What a statement is.
#[must_use]
pub(super) fn kind_of(text: &str) -> Statement {
    if IDENTIFIERS.contains(&text) {
        Statement::Identifier
    } else if text.len() <= LONGEST && is_expression(text) {
        Statement::Expression
    } else {
        Statement::Text
    }
}

/// Whether the words alternate between identifiers and operators, and the brackets close.
fn is_expression(text: &str) -> bool {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let (mut depth, mut wants_operand, mut after_with) = (0_u32, true, false);
    for word in spaced.split_ascii_whitespace() {
        let fits = match word {
            "(" => wants_operand && !after_with,
            ")" => !wants_operand && depth > 0,
            "AND" | "OR" | "WITH" => !wants_operand,
            _ if after_with => EXCEPTIONS.contains(&word),
            _ => wants_operand && IDENTIFIERS.contains(&word),
        };
        if !fits {
            return false;
        }
        match word {
            "(" => depth += 1,
            ")" => depth -= 1,
            "AND" | "OR" | "WITH" => (wants_operand, after_with) = (true, word == "WITH"),
            _ => (wants_operand, after_with) = (false, false),
        }
    }
    depth == 0 && !wants_operand
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_expressions_and_prose_are_told_apart() {
        for (text, expected) in [
            ("MIT", Statement::Identifier),
            ("MIT OR Apache-2.0", Statement::Expression),
            ("(MIT OR Apache-2.0) AND Zlib", Statement::Expression),
            ("Apache-2.0 WITH LLVM-exception", Statement::Expression),
            ("GPL-2.0+ and MIT", Statement::Text),
            ("MIT OR", Statement::Text),
            ("(MIT", Statement::Text),
            ("MIT)", Statement::Text),
            ("MIT MIT", Statement::Text),
            ("MIT WITH MIT", Statement::Text),
            ("()", Statement::Text),
            ("", Statement::Text),
        ] {
            assert_eq!(kind_of(text), expected, "{text}");
        }
    }
}
