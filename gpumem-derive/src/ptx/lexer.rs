//! PTX as tokens. Comments are left out, and so are markers of the source's lines (`# 7 "kernels.cu"`).

use std::fmt;

/// Why a file cannot be read, and the line of the mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) line: u32,
    pub(crate) message: String,
}

/// A piece of PTX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A name: `add_one`, `%tid`, `$L__BB0_2`.
    Word(&'t str),
    /// `.entry`, without its point.
    Directive(&'t str),
    /// A word that begins with a digit: `24`, `0x18`, `7.8`.
    Number(&'t str),
    /// A string. It has no escapes, and it can go over several lines.
    Text,
    /// Any other character.
    Sign(char),
    /// The end of the file.
    End,
}

/// The token as messages quote it.
impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // A text that is no PTX can have very long words.
        let short = |text: &str| text.chars().take(60).collect::<String>();
        match self {
            Token::Word(text) | Token::Number(text) => write!(f, "`{}`", short(text)),
            Token::Directive(name) => write!(f, "`.{}`", short(name)),
            Token::Text => f.write_str("a string"),
            Token::Sign(sign) => write!(f, "`{sign}`"),
            Token::End => f.write_str("the end of the file"),
        }
    }
}

pub(super) struct Lexer<'t> {
    rest: &'t str,
    /// The line in which `rest` begins.
    line: u32,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Lexer { rest: text, line: 1 }
    }

    /// The next token and the line in which it begins.
    pub(super) fn next(&mut self) -> Result<(Token<'t>, u32), Error> {
        self.skip_comments()?;
        let line = self.line;
        let Some(first) = self.rest.chars().next() else { return Ok((Token::End, line)) };
        // The number of letters that follow the first character.
        let word = length(&self.rest[first.len_utf8()..], is_in_word);
        let token = match first {
            '"' => self.string()?,
            '0'..='9' => Token::Number(self.take(length(self.rest, |c| is_in_word(c) || c == '.'))),
            '.' if word > 0 => Token::Directive(&self.take(1 + word)[1..]),
            '%' if word > 0 => Token::Word(self.take(1 + word)),
            _ if is_in_word(first) => Token::Word(self.take(1 + word)),
            _ => {
                self.take(first.len_utf8());
                Token::Sign(first)
            }
        };
        Ok((token, line))
    }

    fn skip_comments(&mut self) -> Result<(), Error> {
        loop {
            self.take(length(self.rest, char::is_whitespace));
            if self.rest.starts_with("//") || self.rest.starts_with('#') {
                self.take(length(self.rest, |c| c != '\n'));
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                let end = comment.find("*/").ok_or_else(|| self.error("this comment has no `*/`"))?;
                self.take("/*".len() + end + "*/".len());
            } else {
                return Ok(());
            }
        }
    }

    fn string(&mut self) -> Result<Token<'t>, Error> {
        let end = self.rest[1..].find('"').ok_or_else(|| self.error("this string has no end"))?;
        self.take(1 + end + 1);
        Ok(Token::Text)
    }

    /// Takes so many bytes.
    fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.line = self.line.saturating_add(count_lines(taken.as_bytes()));
        taken
    }

    fn error(&self, message: &str) -> Error {
        Error { line: self.line, message: message.to_owned() }
    }
}

/// The number of bytes at the beginning of `text` in which `goes_on` holds.
fn length(text: &str, goes_on: impl Fn(char) -> bool) -> usize {
    text.find(|c| !goes_on(c)).unwrap_or(text.len())
}

fn is_in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$')
}

/// The number of line ends.
pub(super) fn count_lines(text: &[u8]) -> u32 {
    u32::try_from(text.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX - 1)
}
