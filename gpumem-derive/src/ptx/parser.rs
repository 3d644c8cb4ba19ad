//! Reads the header of a file and its entries, and skips everything else.

use super::declarations::{Entry, Kind, Param, Ptx, Scalar, Space};
use super::lexer::{Error, Lexer, Token};
use std::collections::HashMap;

/// Reads the text of a PTX file, in time that is linear in its length.
///
/// # Errors
///
/// The text is no PTX, it ends too early, or a parameter has an unknown type.
pub(crate) fn read(text: &str) -> Result<Ptx, Error> {
    let mut lexer = Lexer::new(text);
    let (token, line) = lexer.next()?;
    let mut parser = Parser { lexer, token, line };
    let mut ptx = parser.header()?;
    // The line of each kernel.
    let mut lines: HashMap<String, u32> = HashMap::new();
    while parser.token != Token::End {
        match parser.token {
            Token::Directive("entry") => {
                let (entry, has_body) = parser.entry()?;
                if !has_body {
                    continue;
                }
                if let Some(first) = lines.insert(entry.name.clone(), entry.line) {
                    let message = format!("the kernel `{}` is already in line {first}", entry.name);
                    return Err(Error { line: entry.line, message });
                }
                ptx.entries.push(entry);
            }
            Token::Directive("version") => {
                return Err(parser.error("a second `.version`: the file is two PTX files in one"));
            }
            Token::Sign('{') => parser.skip_braces()?,
            Token::Sign('(') => parser.skip_parentheses()?,
            Token::Sign(sign @ ('}' | ')')) => {
                return Err(parser.error(format!("this `{sign}` has no opening bracket")));
            }
            _ => parser.advance()?,
        }
    }
    Ok(ptx)
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The token that is read next, and its line.
    token: Token<'t>,
    line: u32,
}

impl<'t> Parser<'t> {
    fn advance(&mut self) -> Result<(), Error> {
        (self.token, self.line) = self.lexer.next()?;
        Ok(())
    }

    /// Takes the next token if it is this one.
    fn take(&mut self, token: Token) -> Result<bool, Error> {
        let is_next = self.token == token;
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    /// An error in the line of the next token.
    fn error(&self, message: impl Into<String>) -> Error {
        Error { line: self.line, message: message.into() }
    }

    fn expected(&self, what: &str) -> Error {
        self.error(format!("expected {what}, found {}", self.token))
    }

    /// Reads `.version`, `.target` and `.address_size`.
    fn header(&mut self) -> Result<Ptx, Error> {
        if self.token == Token::End {
            return Err(self.error("the file is empty"));
        }
        if self.token != Token::Directive("version") {
            let found = self.token;
            return Err(
                self.error(format!("this is no PTX: PTX begins with `.version`, and this text with {found}"))
            );
        }
        self.advance()?;
        let version = match self.token {
            Token::Number(text) => version(text),
            _ => None,
        };
        let version = version.ok_or_else(|| self.expected("a version, such as `8.0`"))?;
        self.advance()?;
        if !self.take(Token::Directive("target"))? {
            return Err(self.expected("`.target`"));
        }
        let Token::Word(target) = self.token else {
            return Err(self.expected("an architecture, such as `sm_80`"));
        };
        self.advance()?;
        // Options, such as `debug`.
        while self.take(Token::Sign(','))? {
            self.advance()?;
        }
        // Without the directive, a process with 64-bit addresses takes the file for one of its own.
        let address_size = match self.take(Token::Directive("address_size"))? {
            true => self.number("32 or 64")?,
            false => 64,
        };
        Ok(Ptx { version, target: target.to_owned(), address_size, entries: Vec::new() })
    }

    /// Skips a group in braces, with the groups in it.
    fn skip_braces(&mut self) -> Result<(), Error> {
        let (line, mut depth) = (self.line, 0_usize);
        loop {
            match self.token {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => depth -= 1,
                Token::End => return Err(Error { line, message: "this `{` has no `}`".to_owned() }),
                _ => {}
            }
            self.advance()?;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Skips a group in parentheses. Braces and semicolons do not stand in one.
    fn skip_parentheses(&mut self) -> Result<(), Error> {
        let (line, mut depth) = (self.line, 0_usize);
        loop {
            match self.token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth -= 1,
                Token::Sign('{' | '}' | ';') | Token::End => return Err(unclosed(line)),
                _ => {}
            }
            self.advance()?;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Reads an entry from `.entry` to the end of its body, and tells whether it has a body.
    fn entry(&mut self) -> Result<(Entry, bool), Error> {
        self.advance()?;
        let Token::Word(name) = self.token else { return Err(self.expected("the name of a kernel")) };
        let mut entry = Entry {
            name: name.to_owned(),
            line: self.line,
            params: Vec::new(),
            required_block: None,
            max_block: None,
        };
        self.advance()?;
        if self.token == Token::Sign('(') {
            entry.params = self.params(name)?;
        }
        let has_body = self.directives_and_body(&mut entry)?;
        Ok((entry, has_body))
    }

    /// Reads the directives after the parameters. Returns whether there is a body.
    fn directives_and_body(&mut self, entry: &mut Entry) -> Result<bool, Error> {
        loop {
            match self.token {
                Token::Directive("reqntid") => entry.required_block = Some(self.block()?),
                Token::Directive("maxntid") => entry.max_block = Some(self.block()?),
                Token::Directive("pragma") => self.skip_pragma()?,
                Token::Sign('(') => self.skip_parentheses()?,
                Token::Sign('{') => {
                    self.skip_braces()?;
                    return Ok(true);
                }
                Token::Sign(';') => {
                    self.advance()?;
                    return Ok(false);
                }
                Token::Sign('}' | ')')
                | Token::Directive("entry" | "func" | "visible" | "weak" | "extern" | "version")
                | Token::End => {
                    return Err(self.expected(&format!("the body of `{}`", entry.name)));
                }
                _ => self.advance()?,
            }
        }
    }

    /// Skips the one directive that ends with a semicolon.
    fn skip_pragma(&mut self) -> Result<(), Error> {
        while !matches!(self.token, Token::Sign(';' | '{') | Token::End) {
            self.advance()?;
        }
        self.take(Token::Sign(';'))?;
        Ok(())
    }

    /// Reads the size of a block. Sizes that are left out are 1.
    fn block(&mut self) -> Result<[u32; 3], Error> {
        self.advance()?;
        let mut block = [1; 3];
        for (dimension, size) in block.iter_mut().enumerate() {
            if dimension == 0 || self.take(Token::Sign(','))? {
                *size = self.number("the size of a block")?;
            }
        }
        Ok(block)
    }

    /// Reads the parameters of the kernel `entry`, from the opening parenthesis to the closing one.
    fn params(&mut self, entry: &str) -> Result<Vec<Param>, Error> {
        let line = self.line;
        self.advance()?;
        let mut params = Vec::new();
        if self.take(Token::Sign(')'))? {
            return Ok(params);
        }
        loop {
            params.push(self.param(entry)?);
            match self.token {
                Token::Sign(',') => self.advance()?,
                Token::Sign(')') => {
                    self.advance()?;
                    return Ok(params);
                }
                Token::Sign('{' | '}' | ';') | Token::End => return Err(unclosed(line)),
                _ => return Err(self.expected("a comma or `)` after a parameter")),
            }
        }
    }

    /// Reads `.param .u32 name`, `.param .align 8 .b8 name[24]` or `.param .u64 .ptr .global .align 16 name`.
    fn param(&mut self, entry: &str) -> Result<Param, Error> {
        let mut words = Words::default();
        let name = loop {
            match self.token {
                Token::Directive("align") => {
                    self.advance()?;
                    words.align(self.alignment()?);
                }
                Token::Directive(word) => {
                    words.add(word);
                    self.advance()?;
                }
                Token::Word(name) => break name,
                Token::Sign(';' | '{') | Token::End => return Err(self.expected("`)` after the parameters")),
                _ => return Err(self.expected(&format!("a parameter of `{entry}`"))),
            }
        };
        let line = self.line;
        self.advance()?;
        let what = format!("the parameter `{name}` of `{entry}`");
        let mut kind =
            words.kind().map_err(|problem| Error { line, message: format!("{what} {problem}") })?;
        if let Some(element) = words.scalar
            && self.take(Token::Sign('['))?
        {
            kind = Kind::Array { element, length: self.length(&what)? };
        }
        Ok(Param { name: name.to_owned(), line, kind, declared_alignment: words.alignment.max(1) })
    }

    /// Reads the length of an array, and the bracket after it.
    fn length(&mut self, what: &str) -> Result<u32, Error> {
        if self.token == Token::Sign(']') {
            return Err(self.error(format!("{what} is an array without a length")));
        }
        let length = self.number("the length of an array")?;
        if length == 0 {
            return Err(self.error(format!("{what} is an array of length 0")));
        }
        if !self.take(Token::Sign(']'))? {
            return Err(self.expected("`]`"));
        }
        Ok(length)
    }

    fn alignment(&mut self) -> Result<u32, Error> {
        let (found, line) = (self.token, self.line);
        let alignment = self.number("an alignment")?;
        if !alignment.is_power_of_two() {
            let message = format!("expected a power of two after `.align`, found {found}");
            return Err(Error { line, message });
        }
        Ok(alignment)
    }

    fn number(&mut self, what: &str) -> Result<u32, Error> {
        let Token::Number(text) = self.token else { return Err(self.expected(what)) };
        let number = integer(text).ok_or_else(|| self.expected(what))?;
        self.advance()?;
        Ok(number)
    }
}

/// The directives before the name of a parameter.
#[derive(Default)]
struct Words<'t> {
    scalar: Option<Scalar>,
    alignment: u32,
    /// The memory that a pointer leads to, and the alignment of the address.
    pointer: Option<(Space, u32)>,
    unknown: Option<&'t str>,
}

impl<'t> Words<'t> {
    /// An alignment before the type is that of the parameter. One after the type is that of the pointer's
    /// target.
    fn align(&mut self, alignment: u32) {
        match &mut self.pointer {
            Some((_, target)) => *target = alignment,
            None if self.scalar.is_none() => self.alignment = alignment.max(self.alignment),
            None => {}
        }
    }

    fn add(&mut self, word: &'t str) {
        let space = match word {
            "global" => Some(Space::Global),
            "shared" => Some(Space::Shared),
            "const" => Some(Space::Constant),
            "local" => Some(Space::Local),
            _ => None,
        };
        match (word, space, &mut self.pointer) {
            ("param", ..) => {}
            ("ptr", ..) => self.pointer = Some((Space::Generic, 1)),
            (_, Some(space), Some((target, _))) => *target = space,
            _ => match Scalar::of(word) {
                Some(scalar) if self.scalar.is_none() => self.scalar = Some(scalar),
                _ => self.unknown = self.unknown.or(Some(word)),
            },
        }
    }

    /// The kind of the parameter. An error is the rest of a sentence about it.
    fn kind(&self) -> Result<Kind, String> {
        match (self.unknown, self.scalar, self.pointer) {
            (Some("pred"), ..) => Err("is a `.pred`, which a kernel cannot take".to_owned()),
            (Some(unknown), ..) => Err(format!("has the type `.{unknown}`, which the macro does not know")),
            (None, None, _) => Err("has no type".to_owned()),
            (None, Some(scalar), Some((space, alignment))) => {
                Ok(Kind::Pointer { bits: scalar.bits, space, alignment })
            }
            (None, Some(scalar), None) => Ok(Kind::Scalar(scalar)),
        }
    }
}

fn unclosed(line: u32) -> Error {
    Error { line, message: "this `(` has no `)`".to_owned() }
}

/// The two numbers of `7.8`.
fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The value of a literal: `24`, `0x18`, `030`, `0b11000`, each perhaps with `U` at its end.
fn integer(text: &str) -> Option<u32> {
    let digits = text.strip_suffix('U').unwrap_or(text);
    let (digits, radix) = match digits.get(..2) {
        Some("0x" | "0X") => (&digits[2..], 16),
        Some("0b" | "0B") => (&digits[2..], 2),
        Some(_) if digits.starts_with('0') => (&digits[1..], 8),
        _ => (digits, 10),
    };
    u32::from_str_radix(digits, radix).ok()
}
