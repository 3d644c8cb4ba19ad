//! Rust source as tokens: words, signs and literals, each with its line. Comments and documentation are left
//! out.

use std::iter::Peekable;
use std::str::Chars;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Word(String),
    Sign(char),
    /// A string, without its quotes, or another literal.
    Literal(String),
}

impl Token {
    pub(crate) fn is(&self, text: &str) -> bool {
        match self {
            Self::Word(word) => word == text,
            Self::Sign(sign) => text.chars().eq([*sign]),
            Self::Literal(_) => false,
        }
    }

    pub(crate) fn word(&self) -> Option<&str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }
}

/// A token and its line.
pub(crate) type At = (Token, usize);

pub(crate) fn tokens(text: &str) -> Vec<At> {
    let mut lexer = Lexer { rest: text.chars().peekable(), line: 1 };
    let mut tokens = Vec::new();
    while let Some(first) = lexer.next() {
        let line = lexer.line;
        let token = match first {
            '\n' | ' ' | '\t' | '\r' => continue,
            '/' if lexer.at('/') => {
                lexer.take_while(|letter| letter != '\n');
                continue;
            }
            '/' if lexer.at('*') => {
                lexer.skip_comment();
                continue;
            }
            '"' => Token::Literal(lexer.string()),
            '\'' => match lexer.character_or_lifetime() {
                Some(literal) => literal,
                None => continue,
            },
            '0'..='9' => Token::Literal(lexer.word(first)),
            _ if is_in_word(first) => {
                let word = lexer.word(first);
                match word.as_str() {
                    "b" | "c" if lexer.at('"') => {
                        lexer.next();
                        Token::Literal(lexer.string())
                    }
                    "r" | "br" | "cr" if lexer.at('"') || lexer.at('#') => lexer.raw(),
                    _ => Token::Word(word),
                }
            }
            _ => Token::Sign(first),
        };
        tokens.push((token, line));
    }
    tokens
}

fn is_in_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    fn at(&mut self, letter: char) -> bool {
        self.rest.peek() == Some(&letter)
    }

    fn take_while(&mut self, goes_on: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(letter) = self.rest.peek().copied().filter(|letter| goes_on(*letter)) {
            taken.push(letter);
            self.next();
        }
        taken
    }

    fn word(&mut self, first: char) -> String {
        format!("{first}{}", self.take_while(is_in_word))
    }

    /// Comments may be nested.
    fn skip_comment(&mut self) {
        let mut depth = 1;
        self.next();
        while depth > 0 {
            match self.next() {
                Some('*') if self.at('/') => depth -= 1,
                Some('/') if self.at('*') => depth += 1,
                Some(_) => continue,
                None => return,
            }
            self.next();
        }
    }

    /// The rest of a string after its opening quote.
    fn string(&mut self) -> String {
        let mut text = String::new();
        while let Some(letter) = self.next().filter(|letter| *letter != '"') {
            text.push(letter);
            if letter == '\\' {
                text.extend(self.next());
            }
        }
        text
    }

    /// A raw string, or a raw name.
    fn raw(&mut self) -> Token {
        let signs = self.take_while(|letter| letter == '#').len();
        if !self.at('"') {
            return Token::Word(self.take_while(is_in_word));
        }
        self.next();
        let (mut text, end) = (String::new(), format!("\"{}", "#".repeat(signs)));
        while !text.ends_with(&end) {
            let Some(letter) = self.next() else { break };
            text.push(letter);
        }
        Token::Literal(text)
    }

    fn character_or_lifetime(&mut self) -> Option<Token> {
        let first = self.next()?;
        if first == '\\' {
            self.next();
            self.take_while(|letter| letter != '\'');
        } else if !self.at('\'') {
            self.take_while(is_in_word);
            return None;
        }
        self.next();
        Some(Token::Literal(first.into()))
    }
}

/// The index after the group that begins at `from` with an opening bracket of any kind.
pub(crate) fn end_of_group(tokens: &[At], from: usize) -> usize {
    let mut depth = 0_usize;
    for (index, (token, _)) in tokens.iter().enumerate().skip(from) {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// The functions that have a body: their names, first lines and last lines.
pub(crate) fn functions(tokens: &[At]) -> Vec<(&str, usize, usize)> {
    let mut functions = Vec::new();
    for (index, pair) in tokens.windows(2).enumerate() {
        let [(first, line), (second, _)] = pair else { continue };
        let Some(name) = second.word().filter(|_| first.is("fn")) else { continue };
        let mut at = index + 2;
        while at < tokens.len() && !tokens[at].0.is("{") && !tokens[at].0.is(";") {
            let opens = tokens[at].0.is("(") || tokens[at].0.is("[");
            at = if opens { end_of_group(tokens, at) } else { at + 1 };
        }
        if at < tokens.len() && tokens[at].0.is("{") {
            functions.push((name, *line, tokens[end_of_group(tokens, at) - 1].1));
        }
    }
    functions
}
