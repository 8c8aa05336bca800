//! From text to [`Pattern`].

use super::{Column, Expr, Op, Operand, Pattern, Role, Selector, Step, Term, Test, Words};
use regex_lite::{Regex, RegexBuilder};

/// Brackets in brackets, beyond which a pattern is not read; AWS ends at 1,024 characters.
const DEPTH: usize = 64;
const REGEX_SIZE: usize = 64 * 1024;

/// A text that is no filter pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ParseError(&'static str);

type Parsed<T> = Result<T, ParseError>;

/// Reads a filter pattern.
///
/// # Errors
/// When the text is no filter pattern.
pub(crate) fn parse(text: &str) -> Parsed<Pattern> {
    let mut cursor = Cursor { rest: text.trim() };
    match cursor.peek() {
        None => Ok(Pattern::Everything),
        Some('{') => {
            cursor.advance();
            let expr = cursor.any(&Name::Selector, 0)?;
            cursor.expect("}", "the braces are not closed")?;
            cursor.end()?;
            Ok(Pattern::Json(expr))
        }
        Some('[') => cursor.columns(),
        Some(_) => cursor.terms(),
    }
}

/// What a condition begins with: `$.a.b`, or in a space-delimited pattern the name of the column.
enum Name {
    Selector,
    Column(String),
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, text: &str) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A word in any case that ends where the word ends.
    fn eat_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let Some(head) = self.rest.get(..word.len()) else { return false };
        let tail = &self.rest[word.len()..];
        let ends = tail.chars().next().is_none_or(|c| !c.is_alphanumeric());
        if ends && head.eq_ignore_ascii_case(word) {
            self.rest = tail;
            return true;
        }
        false
    }

    fn expect(&mut self, text: &str, otherwise: &'static str) -> Parsed<()> {
        if self.eat(text) { Ok(()) } else { Err(ParseError(otherwise)) }
    }

    fn end(&mut self) -> Parsed<()> {
        self.skip_space();
        if self.rest.is_empty() { Ok(()) } else { Err(ParseError("something follows the pattern")) }
    }

    /// `a || b`, where each is `c && d`.
    fn any(&mut self, name: &Name, depth: usize) -> Parsed<Expr> {
        let mut parts = vec![self.all(name, depth)?];
        while self.eat("||") {
            parts.push(self.all(name, depth)?);
        }
        Ok(one_or(parts, Expr::Any))
    }

    fn all(&mut self, name: &Name, depth: usize) -> Parsed<Expr> {
        let mut parts = vec![self.part(name, depth)?];
        while self.eat("&&") {
            parts.push(self.part(name, depth)?);
        }
        Ok(one_or(parts, Expr::All))
    }

    fn part(&mut self, name: &Name, depth: usize) -> Parsed<Expr> {
        if depth > DEPTH {
            return Err(ParseError("too many brackets"));
        }
        if self.eat("(") {
            let inner = self.any(name, depth + 1)?;
            self.expect(")", "a bracket is not closed")?;
            return Ok(inner);
        }
        let selector = match name {
            Name::Selector => self.selector()?,
            Name::Column(column) => {
                let named = self.until(|c| c.is_whitespace() || "=!<>()&|".contains(c));
                if named != column {
                    return Err(ParseError("a column's condition is about that column"));
                }
                Selector(vec![Step::Key(named.to_owned())])
            }
        };
        Ok(Expr::Test(selector, self.test()?))
    }

    fn selector(&mut self) -> Parsed<Selector> {
        self.expect("$", "a condition begins with a selector")?;
        let mut steps = Vec::new();
        loop {
            let dotted = self.peek() == Some('.');
            if dotted {
                self.advance();
            }
            if self.peek() == Some('[') {
                self.advance();
                steps.push(self.bracket()?);
            } else if dotted {
                let key = self.until(|c| c.is_whitespace() || "=!<>()[].&|{}\"".contains(c));
                if key.is_empty() {
                    return Err(ParseError("a selector ends in a dot"));
                }
                steps.push(Step::Key(key.to_owned()));
            } else if steps.is_empty() {
                return Err(ParseError("a selector without a name"));
            } else {
                return Ok(Selector(steps));
            }
        }
    }

    /// `[3]`, `[*]`, `['a.b']`; the opening bracket is eaten.
    fn bracket(&mut self) -> Parsed<Step> {
        self.skip_space();
        let step = match self.peek() {
            Some('*') => {
                self.advance();
                Step::AnyItem
            }
            Some(quote @ ('"' | '\'')) => {
                self.advance();
                Step::Key(self.quoted(quote)?)
            }
            _ => {
                let digits = self.until(|c| !c.is_ascii_digit());
                Step::Index(digits.parse().map_err(|_| ParseError("no index in the brackets"))?)
            }
        };
        self.expect("]", "a selector's bracket is not closed")?;
        Ok(step)
    }

    fn test(&mut self) -> Parsed<Test> {
        if self.eat_word("IS") {
            return match () {
                () if self.eat_word("NULL") => Ok(Test::IsNull),
                () if self.eat_word("TRUE") => Ok(Test::IsTrue),
                () if self.eat_word("FALSE") => Ok(Test::IsFalse),
                () => Err(ParseError("IS asks for NULL, TRUE or FALSE")),
            };
        }
        if self.eat_word("NOT") {
            return if self.eat_word("EXISTS") { Ok(Test::NotExists) } else { Err(ParseError("NOT asks for EXISTS")) };
        }
        if self.eat_word("EXISTS") {
            return Ok(Test::Exists);
        }
        const OPS: [(&str, Op); 6] = [
            ("!=", Op::NotEqual),
            ("<=", Op::LessOrEqual),
            (">=", Op::GreaterOrEqual),
            ("=", Op::Equal),
            ("<", Op::Less),
            (">", Op::Greater),
        ];
        let op = OPS.iter().find(|(text, _)| self.eat(text)).ok_or(ParseError("no comparison"))?.1;
        Ok(Test::Compare(op, self.operand()?))
    }

    fn operand(&mut self) -> Parsed<Operand> {
        self.skip_space();
        match self.peek() {
            Some('"') => {
                self.advance();
                Ok(Operand::Text(self.quoted('"')?))
            }
            Some('%') => {
                self.advance();
                Ok(Operand::Matching(self.regex()?))
            }
            _ => {
                let bare = self.bare();
                if bare.is_empty() {
                    return Err(ParseError("nothing to compare with"));
                }
                Ok(match number(bare) {
                    Some(value) => Operand::Number(value, bare.to_owned()),
                    None => Operand::Text(bare.to_owned()),
                })
            }
        }
    }

    /// Text without quotes, up to a space, a bracket or an operator.
    fn bare(&mut self) -> &'a str {
        let mut length = 0;
        for (at, c) in self.rest.char_indices() {
            let operator = self.rest[at..].starts_with("&&") || self.rest[at..].starts_with("||");
            if operator || c.is_whitespace() || "(){}\"".contains(c) {
                break;
            }
            length = at + c.len_utf8();
        }
        self.take(length)
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        self.skip_space();
        self.take(self.rest.find(ends).unwrap_or(self.rest.len()))
    }

    /// The opening quote is eaten. A backslash makes the next character plain.
    fn quoted(&mut self, quote: char) -> Parsed<String> {
        let mut text = String::new();
        while let Some(c) = self.advance() {
            match c {
                c if c == quote => return Ok(text),
                '\\' => text.extend(self.advance()),
                c => text.push(c),
            }
        }
        Err(ParseError("a quote is not closed"))
    }

    /// The opening percent sign is eaten.
    fn regex(&mut self) -> Parsed<Regex> {
        let mut text = String::new();
        while let Some(c) = self.advance() {
            match c {
                '%' => {
                    let built = RegexBuilder::new(&text).size_limit(REGEX_SIZE).nest_limit(16).build();
                    return built.map_err(|_| ParseError("not a regular expression"));
                }
                '\\' => {
                    text.push('\\');
                    text.extend(self.advance());
                }
                c => text.push(c),
            }
        }
        Err(ParseError("a regular expression is not closed"))
    }

    fn terms(&mut self) -> Parsed<Pattern> {
        let mut terms = Vec::new();
        loop {
            self.skip_space();
            let role = match self.peek() {
                None => return Ok(Pattern::Terms(terms)),
                Some('?') => Role::Optional,
                Some('-') => Role::Excluded,
                Some(_) => Role::Required,
            };
            if role != Role::Required {
                self.advance();
            }
            let what = match self.peek() {
                Some('"') => {
                    self.advance();
                    Words::Phrase(self.quoted('"')?)
                }
                Some('%') => {
                    self.advance();
                    Words::Matching(self.regex()?)
                }
                _ => {
                    Words::Phrase(self.take(self.rest.find(char::is_whitespace).unwrap_or(self.rest.len())).to_owned())
                }
            };
            terms.push(Term { role, what });
        }
    }

    fn columns(&mut self) -> Parsed<Pattern> {
        self.advance();
        let mut columns = Vec::new();
        loop {
            self.skip_space();
            if self.eat("...") {
                columns.push(Column::Rest);
            } else {
                columns.push(self.column()?);
            }
            if self.eat("]") {
                self.end()?;
                return Ok(Pattern::Columns(columns));
            }
            self.expect(",", "columns are separated by commas")?;
        }
    }

    fn column(&mut self) -> Parsed<Column> {
        let begins = Cursor { rest: self.rest };
        let bracketed = self.eat("(");
        let name = self.until(|c| c.is_whitespace() || ",]=!<>()&|".contains(c)).to_owned();
        self.skip_space();
        if !bracketed && matches!(self.peek(), Some(',' | ']') | None) {
            return Ok(Column::Any);
        }
        self.rest = begins.rest;
        // Text without quotes would run over the comma that ends the column.
        let end = column_end(self.rest);
        let mut inside = Cursor { rest: &self.rest[..end] };
        let expr = inside.any(&Name::Column(name.clone()), 0)?;
        inside.end()?;
        self.rest = &self.rest[end..];
        Ok(Column::Where(name, expr))
    }
}

/// Where a column ends: the first comma or bracket outside quotes.
fn column_end(text: &str) -> usize {
    let mut in_quotes = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_quotes = !in_quotes,
            ',' | ']' if !in_quotes => return at,
            _ => {}
        }
    }
    text.len()
}

fn number(text: &str) -> Option<f64> {
    let sound = text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().all(|b| b"+-.0123456789eE".contains(&b));
    if sound { text.parse().ok().filter(|value: &f64| value.is_finite()) } else { None }
}

fn one_or(mut parts: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}
