//! Types and names as C++ has them.

use crate::syntax::bare;
use crate::text;
use syn::{Expr, Lit, Type};

/// A type of C++: that of an element, and the lengths of the arrays around it, the outermost first.
pub(super) struct CType<'t> {
    pub(super) base: Base<'t>,
    pub(super) lengths: Vec<&'t Expr>,
}

/// A type that is no array.
pub(super) enum Base<'t> {
    Number(&'static Number),
    /// A type with a name. The macro knows only those that stand in the module.
    Named(&'t Type, String),
}

/// A primitive type.
pub(super) struct Number {
    rust: &'static str,
    pub(super) name: &'static str,
    /// What the names of CUDA's vectors begin with, `float` of `float2`, and the size of a number in bytes.
    vector: Option<(&'static str, usize)>,
}

const fn number(rust: &'static str, name: &'static str, vector: &'static str, bytes: usize) -> Number {
    Number { rust, name, vector: Some((vector, bytes)) }
}

/// 64 bits are `long long`, as in the functions of CUDA (`atomicAdd`, for one).
const NUMBERS: [Number; 16] = [
    number("u8", "unsigned char", "uchar", 1),
    number("i8", "signed char", "char", 1),
    number("u16", "unsigned short", "ushort", 2),
    number("i16", "short", "short", 2),
    number("u32", "unsigned int", "uint", 4),
    number("i32", "int", "int", 4),
    number("u64", "unsigned long long", "ulonglong", 8),
    number("i64", "long long", "longlong", 8),
    number("usize", "unsigned long long", "ulonglong", 8),
    number("isize", "long long", "longlong", 8),
    number("f32", "float", "float", 4),
    number("f64", "double", "double", 8),
    Number { rust: "u128", name: "unsigned __int128", vector: None },
    Number { rust: "i128", name: "__int128", vector: None },
    Number { rust: "bool", name: "bool", vector: None },
    Number { rust: "char", name: "unsigned int", vector: None },
];

/// The largest vector. CUDA has larger ones of four numbers, whose alignment depends on its version.
const LARGEST_VECTOR: usize = 16;

impl<'t> CType<'t> {
    /// `None` for a type that C++ has no name for: a tuple, for one.
    pub(super) fn of(ty: &'t Type) -> Option<Self> {
        match bare(ty) {
            Type::Array(array) => {
                let mut inner = Self::of(&array.elem)?;
                inner.lengths.insert(0, &array.len);
                Some(inner)
            }
            Type::Path(path) => {
                let number =
                    path.path.get_ident().and_then(|name| NUMBERS.iter().find(|known| name == known.rust));
                let base = match number {
                    Some(number) => Base::Number(number),
                    None => Base::Named(bare(ty), named(ty, path)?),
                };
                Some(Self { base, lengths: Vec::new() })
            }
            _ => None,
        }
    }

    /// The type of CUDA for `[f32; 2]` and the like. Elements and values can have it: a buffer is aligned to
    /// 256 bytes and a view begins at a whole element, so the address is as aligned as the vector.
    pub(super) fn vector(&self) -> Option<String> {
        let (Base::Number(number), [length]) = (&self.base, self.lengths.as_slice()) else { return None };
        let ((vector, bytes), length) = (number.vector?, literal(length)?.parse().ok()?);
        let is_vector = match length {
            2 | 4 => bytes * length <= LARGEST_VECTOR,
            // Aligned as one number.
            3 => true,
            _ => false,
        };
        is_vector.then(|| format!("{vector}{length}"))
    }

    /// The type without its arrays.
    pub(super) fn base(&self) -> &str {
        match &self.base {
            Base::Number(number) => number.name,
            Base::Named(_, name) => name,
        }
    }
}

/// The digits of a literal length.
pub(super) fn literal(length: &Expr) -> Option<String> {
    match length {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => Some(number.base10_digits().to_owned()),
            _ => None,
        },
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

/// The name of a type: the last word of a path, and for a type with arguments all words of that. `None` for a
/// type without size.
fn named(ty: &Type, path: &syn::TypePath) -> Option<String> {
    let last = path.path.segments.last().filter(|last| last.ident != "PhantomData")?;
    if path.qself.is_some() || !last.arguments.is_none() {
        let words = if path.qself.is_some() { text::of(ty) } else { text::of(last) };
        let words = words.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        return Some(name(&words.collect::<Vec<_>>().join("_")));
    }
    Some(name(&text::of(&last.ident)))
}

/// A name of Rust as one of C++: with a `_` behind a keyword, and without letters that are not ASCII.
pub(super) fn name(rust: &str) -> String {
    let rust = rust.trim_start_matches("r#");
    let mut name = String::new();
    for c in rust.chars() {
        if c.is_ascii() { name.push(c) } else { name += &format!("u{:x}", u32::from(c)) }
    }
    if KEYWORDS.split(' ').any(|keyword| keyword == name) {
        name.push('_');
    }
    name
}

/// Keywords of C++20 that are names in Rust, some as `r#..`.
const KEYWORDS: &str = "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t \
    char32_t class co_await co_return co_yield compl concept const const_cast consteval constexpr \
    constinit continue decltype default delete do double dynamic_cast else enum explicit export extern \
    false float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr \
    operator or or_eq private protected public register reinterpret_cast requires return short signed \
    sizeof static static_assert static_cast struct switch template this thread_local throw true try \
    typedef typeid typename union unsigned using virtual void";
