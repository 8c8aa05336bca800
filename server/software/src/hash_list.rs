//! Lists of the hashes of files, as tools and public lists write them: `sha256sum`, its BSD form, CSV with and without a
//! heading, or hashes alone.

/// Bytes of a line that are looked at.
const LONGEST_LINE: usize = 16 << 10;
/// The longest name that is kept, in bytes.
const LONGEST_NAME: usize = 200;

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A hash, with what the file is called; empty where the list does not say.
    Hash { sha256: [u8; 32], name: String },
    /// A blank line, a comment or a heading.
    Nothing,
    /// Anything else.
    Unreadable,
}

/// Reads a list line by line; a heading decides what the columns after it mean.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    heading: Option<Heading>,
}

/// Which column of a CSV is which.
#[derive(Debug, Clone)]
struct Heading {
    sha256: usize,
    /// Columns with a name, the best first.
    names: Vec<usize>,
}

impl Reader {
    /// Reads the next line, without its end.
    pub fn line(&mut self, line: &str) -> Line {
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.len() > LONGEST_LINE {
            return Line::Unreadable;
        }
        let (comment, text) = line.strip_prefix(['#', ';']).map_or((false, line), |text| (true, text.trim()));
        if let Some(heading) = Heading::of(text) {
            self.heading = Some(heading);
            return Line::Nothing;
        }
        if comment || text.is_empty() {
            return Line::Nothing;
        }
        let read = bsd(text).or_else(|| self.csv(text)).or_else(|| plain(text));
        read.map_or(Line::Unreadable, |(sha256, name)| Line::Hash { sha256, name: shortened(&name) })
    }

    fn csv(&self, text: &str) -> Option<([u8; 32], String)> {
        let cells = cells(text);
        if cells.len() < 2 {
            return None;
        }
        let Some(heading) = &self.heading else {
            let at = cells.iter().position(|cell| hash(cell).is_some())?;
            let name = cells.iter().skip(at + 1).find(|cell| says_something(cell)).cloned().unwrap_or_default();
            return Some((hash(cells.get(at)?)?, name));
        };
        let name = heading.names.iter().filter_map(|at| cells.get(*at)).find(|cell| says_something(cell));
        Some((hash(cells.get(heading.sha256)?)?, name.cloned().unwrap_or_default()))
    }
}

impl Heading {
    fn of(text: &str) -> Option<Self> {
        let cells: Vec<String> = cells(text).iter().map(|cell| cell.to_ascii_lowercase()).collect();
        let sha256 = cells.iter().position(|cell| matches!(cell.as_str(), "sha256" | "sha256_hash" | "sha-256"))?;
        let known = ["signature", "malware", "family", "threat", "name", "file_name", "filename", "description"];
        let names = known.iter().filter_map(|word| cells.iter().position(|cell| cell == word)).collect();
        Some(Self { sha256, names })
    }
}

/// `HASH  name`, `HASH *name`, or the hash alone.
fn plain(text: &str) -> Option<([u8; 32], String)> {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    Some((hash(first)?, rest.trim_start().trim_start_matches('*').to_owned()))
}

/// `SHA256 (name) = HASH`.
fn bsd(text: &str) -> Option<([u8; 32], String)> {
    let (name, last) = text.strip_prefix("SHA256 (")?.rsplit_once(") = ")?;
    Some((hash(last)?, name.to_owned()))
}

/// A hash out of its digits, with or without `sha256:` in front.
#[must_use]
pub fn hash(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    let digits = text.strip_prefix("sha256:").unwrap_or(text).as_bytes();
    let mut bytes = [0u8; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, two) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let two = std::str::from_utf8(two).ok().filter(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(two, 16).ok()?;
    }
    Some(bytes)
}

/// The cells of a line, by commas, semicolons or tabs; quoted ones without their quotes.
fn cells(text: &str) -> Vec<String> {
    let mark = [',', ';', '\t'].into_iter().find(|mark| text.contains(*mark));
    let Some(mark) = mark else { return vec![text.to_owned()] };
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => quoted = !quoted,
            _ if letter == mark && !quoted => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            other => cell.push(other),
        }
    }
    cells.push(cell.trim().to_owned());
    cells
}

/// Whether a cell names something: no other hash, no number, not the word for nothing.
fn says_something(cell: &str) -> bool {
    let is_hex = cell.len() >= 32 && cell.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_nothing = cell.is_empty() || ["n/a", "null", "none", "-"].contains(&cell.to_ascii_lowercase().as_str());
    !is_hex && !is_nothing && !cell.bytes().all(|byte| byte.is_ascii_digit())
}

/// Names go into sentences: one line, and not too long.
fn shortened(name: &str) -> String {
    let name: String = name.trim().chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    name.char_indices().take_while(|(at, letter)| at + letter.len_utf8() <= LONGEST_NAME).map(|(_, l)| l).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aa00000000000000000000000000000000000000000000000000000000000001";

    fn read(text: &str) -> Vec<Line> {
        let mut reader = Reader::default();
        text.lines().map(|line| reader.line(line)).collect()
    }

    fn named(line: &str) -> String {
        match Reader::default().line(line) {
            Line::Hash { sha256, name } => {
                assert_eq!((sha256[0], sha256[31]), (0xaa, 1), "{line}");
                name
            }
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn every_common_form_is_read() {
        assert_eq!(named(A), "");
        assert_eq!(named(&A.to_uppercase()), "");
        assert_eq!(named(&format!("sha256:{A}")), "");
        assert_eq!(named(&format!("{A}  dropper, second stage.sh")), "dropper, second stage.sh");
        assert_eq!(named(&format!("{A} *miner.exe")), "miner.exe");
        assert_eq!(named(&format!("SHA256 (a (1).bin) = {A}")), "a (1).bin");
        assert_eq!(named(&format!("2026-01-02,{A},Miner")), "Miner");
        assert_eq!(named(&format!("{A};d41d8cd98f00b204e9800998ecf8427e;12;\"Say \"\"hi\"\"\"")), "Say \"hi\"");
    }

    #[test]
    fn a_heading_says_which_column_is_which_even_in_a_comment() {
        let lines = read(&format!(
            "# A list\n# \"first_seen\", \"sha256_hash\", \"file_name\", \"signature\"\n\"2026-01-02\", \"{A}\", \"x.elf\", \"Miner\"\n\
             \"2026-01-02\", \"{A}\", \"y.elf\", \"n/a\"\n\"2026-01-02\", \"oops\", \"z\", \"Miner\""
        ));
        let name = |line: &Line| match line {
            Line::Hash { name, .. } => name.clone(),
            other => format!("{other:?}"),
        };
        assert_eq!(lines.iter().map(name).collect::<Vec<_>>(), ["Nothing", "Nothing", "Miner", "y.elf", "Unreadable"]);
    }

    #[test]
    fn what_is_no_hash_is_told_from_nothing() {
        let odd = [&A[1..], &format!("{A}0"), "d41d8cd98f00b204e9800998ecf8427e  md5", &A.replace("aa", "+a"), "é"];
        for line in odd {
            assert_eq!(Reader::default().line(line), Line::Unreadable, "{line}");
        }
        for line in ["", "  ", "# comment", "; comment", "sha256", "\u{feff}"] {
            assert_eq!(Reader::default().line(line), Line::Nothing, "{line}");
        }
        let long = named(&format!("{A}  {}\u{7}", "é".repeat(300)));
        assert_eq!((long.len(), long.chars().all(|letter| letter == 'é')), (200, true));
    }
}
