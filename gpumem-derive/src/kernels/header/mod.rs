//! `CUDA_HEADER`: the kernels as declarations of CUDA C++.
//!
//! The macro knows the names in the header, and the compiler the numbers: sizes, places of fields, lengths of
//! arrays. So the constant is a list of parts, which the compiler joins.
//!
//! ```text
//! structs    those of the module that kernels use, with assertions about their layout
//! types      types and names as C++ has them
//! ```
//!
//! A struct that stands elsewhere has a name here and no fields. Its C++ side is the user's, and the header
//! asserts its size and its alignment.

mod structs;
mod types;

use self::structs::{Struct, documentation, gate};
use self::types::{Base, CType};
use super::context::{Context, generated, lints};
use super::params::{Kind, Param};
use super::parse::Module;
use super::signature::Kernel;
use crate::syntax::{bare, free};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use std::collections::HashSet;
use syn::{Attribute, Member, Path, Type};

/// The environment variable that is set while a header is written. The macro then reads no PTX, which may
/// not be there yet, or may be that of older kernels.
pub(super) const VARIABLE: &str = "GPUMEM_HEADER";

/// Stands in the text for the next number.
const NUMBER: char = '\u{1}';

/// The most columns of a declaration in one line.
const COLUMNS: usize = 100;

/// The constant.
pub(super) fn header(cx: &Context<'_>, lengths: bool, module: &Module, kernels: &[Kernel]) -> TokenStream {
    let structs: Vec<_> = module.structs.iter().filter_map(Struct::read).collect();
    let mut text = Text::new(&cx.core, &structs);
    let kernels: Vec<_> = kernels.iter().filter(|kernel| !kernel.is_broken).collect();
    text.section(&TokenStream::new());
    text.push(&format!(
        "// The kernels of `{}`, as `#[gpumem::kernels]` wrote them: `{VARIABLE}=write cargo test` does it again.\n#pragma once\n",
        module.plain_name()
    ));
    if lengths {
        text.push("\n// The length of a slice.\n#ifndef GPUMEM_LENGTH\n#define GPUMEM_LENGTH unsigned int\n#endif\n");
    }
    let types = kernels.iter().flat_map(|kernel| &kernel.params).filter_map(base_of);
    let used = used(&structs, types);
    used.iter().for_each(|of_module| text.of_struct(of_module));
    kernels.iter().for_each(|kernel| text.kernel(lengths, kernel));
    let allowed = used.iter().map(|of_module| lints(&of_module.attrs));
    let allowed = allowed.chain(kernels.iter().map(|kernel| lints(&kernel.attrs)));
    constant(cx, &text, &allowed.collect())
}

fn constant(cx: &Context<'_>, text: &Text<'_>, lints: &TokenStream) -> TokenStream {
    let (core, private) = (&cx.core, &cx.private);
    let (vis, parts) = (&cx.vis, text.parts(private));
    let doc = format!(
        " The kernels as declarations of CUDA C++, for a file that `kernels.cu` includes. With `{VARIABLE}` in the \
         environment, the module compiles without its PTX, so that a test can write the file."
    );
    quote! {
        #[doc = #doc]
        #lints
        #vis const CUDA_HEADER: &#core::primitive::str = {
            const __PARTS: &[#private::HeaderPart] = &[#(#parts),*];
            const __TEXT: #private::Header<{ #private::Header::len(__PARTS) }> = #private::Header::of(__PARTS);
            __TEXT.text()
        };
    }
}

/// The type of a parameter, without slices and arrays, if it has a name that the macro does not know.
fn base_of(param: &Param) -> Option<&Type> {
    match CType::of(param.element().unwrap_or(&param.ty))?.base {
        Base::Named(ty, _) => Some(ty),
        Base::Number(_) => None,
    }
}

/// The struct of the module that a type is. With `#[cfg]`, there can be several.
fn in_module<'m>(structs: &'m [Struct], ty: &Type) -> impl Iterator<Item = &'m Struct> + use<'m> {
    let name = match bare(ty) {
        Type::Path(path) if path.qself.is_none() => own_name(&path.path),
        _ => None,
    };
    structs.iter().filter(move |of_module| name.as_ref().is_some_and(|name| of_module.name == *name))
}

/// `Step` of `Step` or `self::Step`.
fn own_name(path: &Path) -> Option<String> {
    let mut words = path.segments.iter().skip(usize::from(path.segments.first()?.ident == "self"));
    let name = words.next()?;
    let is_own = words.next().is_none() && name.arguments.is_none() && path.leading_colon.is_none();
    is_own.then(|| name.ident.to_string())
}

/// The structs of the module that these types have in them, each after those in its fields.
fn used<'m, 't>(structs: &'m [Struct], types: impl Iterator<Item = &'t Type>) -> Vec<&'m Struct> {
    type Found<'m> = Vec<&'m Struct>;
    fn add<'m>(structs: &'m [Struct], ty: &Type, seen: &mut Found<'m>, used: &mut Found<'m>) {
        for of_module in in_module(structs, ty) {
            // A struct in itself is a mistake, which the compiler reports.
            if !seen.iter().any(|known| std::ptr::eq(*known, of_module)) {
                seen.push(of_module);
                of_module.types().for_each(|field| add(structs, field, seen, used));
                used.push(of_module);
            }
        }
    }
    let (mut seen, mut used) = (Vec::new(), Vec::new());
    types.for_each(|ty| add(structs, ty, &mut seen, &mut used));
    used
}

/// The text, in sections that `#[cfg]` may remove.
struct Text<'c> {
    core: &'c TokenStream,
    /// Those of the module.
    structs: &'c [Struct],
    /// The attributes of each, and its text.
    sections: Vec<(TokenStream, String)>,
    /// The numbers, in the order of their places in the text.
    numbers: Vec<TokenStream>,
    /// The types of other modules whose layout is asserted.
    asserted: HashSet<String>,
}

impl<'c> Text<'c> {
    fn new(core: &'c TokenStream, structs: &'c [Struct]) -> Self {
        Self { core, structs, sections: Vec::new(), numbers: Vec::new(), asserted: HashSet::new() }
    }

    fn section(&mut self, gate: &TokenStream) {
        let is_other = |(last, _): &(TokenStream, String)| last.to_string() != gate.to_string();
        if self.sections.last().is_none_or(is_other) {
            self.sections.push((gate.clone(), String::new()));
        }
    }

    fn push(&mut self, text: &str) {
        if let Some((_, last)) = self.sections.last_mut() {
            last.push_str(text);
        }
    }

    /// Notes a number, whose place is next in the text.
    fn number(&mut self, number: TokenStream) -> char {
        self.numbers.push(number);
        NUMBER
    }

    /// The parts, as expressions.
    fn parts(&self, private: &TokenStream) -> Vec<TokenStream> {
        let (mut parts, mut numbers) = (Vec::new(), self.numbers.iter());
        for (gate, text) in &self.sections {
            for (index, text) in text.split(NUMBER).enumerate() {
                if index > 0
                    && let Some(number) = numbers.next()
                {
                    parts.push(quote!(#gate #private::HeaderPart::Number(#number)));
                }
                // Line by line, so that it can be read in the output.
                let lines = text.split_inclusive('\n');
                parts.extend((!text.is_empty()).then(|| {
                    let core = self.core;
                    quote!(#gate #private::HeaderPart::Text(#core::concat!(#(#lines),*)))
                }));
            }
        }
        parts
    }

    fn comment(&mut self, attrs: &[Attribute], indent: &str) {
        for line in documentation(attrs) {
            // A backslash at the end would make a comment of the next line too.
            let line: String = line.chars().filter(|c| !c.is_control()).collect();
            let line = line.trim_end_matches(|c: char| c == '\\' || c.is_whitespace());
            let space = if line.is_empty() || line.starts_with(' ') { "" } else { " " };
            self.push(&format!("{indent}//{space}{line}\n"));
        }
    }

    /// The assertion about the layout of a type.
    fn layout(&mut self, ty: &dyn ToTokens, name: &str) {
        let core = self.core;
        let size = self.number(quote!(#core::mem::size_of::<#ty>()));
        let alignment = self.number(quote!(#core::mem::align_of::<#ty>()));
        self.push(&format!(
            "static_assert(sizeof({name}) == {size} && alignof({name}) == {alignment}, \"{name} has another layout in Rust\");\n"
        ));
    }

    /// The assertion about a type that the header does not declare.
    fn elsewhere(&mut self, ty: &Type) {
        let Some(CType { base: Base::Named(ty, name), .. }) = CType::of(ty) else { return };
        let is_gated = self.sections.last().is_some_and(|(gate, _)| !gate.is_empty());
        let key = ty.to_token_stream().to_string();
        if in_module(self.structs, ty).next().is_some() || self.asserted.contains(&key) {
            return;
        }
        self.push(&format!(
            "\n// `{name}` stands elsewhere in Rust: declare it before this file is included.\n"
        ));
        self.layout(ty, &name);
        if !is_gated {
            self.asserted.insert(key);
        }
    }

    fn of_struct(&mut self, of_module: &Struct) {
        let Struct { attrs, name: ident, is_aligned, fields } = of_module;
        let (core, outer, name) = (self.core, gate(attrs), types::name(&ident.to_string()));
        for field in fields {
            self.section(&joined(&outer, &gate(&field.attrs)));
            self.elsewhere(&field.ty);
        }
        self.section(&outer);
        let ident = generated(ident);
        self.push("\n");
        self.comment(attrs, "");
        let aligned = is_aligned.then(|| self.number(quote!(#core::mem::align_of::<#ident>())));
        let aligned = aligned.map_or_else(String::new, |number| format!("alignas({number}) "));
        self.push(&format!("struct {aligned}{name} {{\n"));
        for field in fields {
            self.section(&joined(&outer, &gate(&field.attrs)));
            self.comment(&field.attrs, "    ");
            let declared = self.array(&field.ty, &member(&field.member));
            self.push(&format!("    {declared};\n"));
        }
        self.section(&outer);
        self.push("};\n");
        self.layout(&ident, &name);
        for field in fields {
            self.section(&joined(&outer, &gate(&field.attrs)));
            let (member, field) = (member(&field.member), &field.member);
            let offset = self.number(quote!(#core::mem::offset_of!(#ident, #field)));
            self.push(&format!(
                "static_assert(__builtin_offsetof({name}, {member}) == {offset}, \"{name}::{member} has another place in Rust\");\n"
            ));
        }
        self.section(&outer);
    }

    fn kernel(&mut self, lengths: bool, kernel: &Kernel) {
        let name = kernel.plain_name();
        let is_named = |param: &Param| CType::of(param.element().unwrap_or(&param.ty)).is_some();
        self.section(&kernel.gate);
        if types::name(&name) != name || !kernel.params.iter().all(is_named) {
            self.push(&format!(
                "\n// `{name}` cannot be declared in C++: a type or the kernel has no name there.\n"
            ));
            return;
        }
        kernel.params.iter().filter_map(base_of).for_each(|ty| self.elsewhere(ty));
        for param in kernel.params.iter().filter(|param| is_array_by_value(param)) {
            let elements = self.array(&param.ty, "elements");
            let name = of_array(kernel, param);
            self.push(&format!("\nstruct {name} {{\n    {elements};\n}};\n"));
        }
        self.push("\n");
        self.comment(&kernel.attrs, "");
        let mut taken: HashSet<_> =
            kernel.params.iter().map(|param| types::name(&param.name.to_string())).collect();
        let mut declared = Vec::new();
        for param in &kernel.params {
            let name = types::name(&param.name.to_string());
            declared.push(self.parameter(kernel, param, &name));
            if lengths && param.is_slice() {
                let length = free(&format!("{name}_len"), &taken);
                declared.push(format!("GPUMEM_LENGTH {length}"));
                taken.insert(length);
            }
        }
        let start = format!("extern \"C\" __global__ void {name}(");
        let line = format!("{start}{});\n", declared.join(", "));
        let lines = || format!("{start}\n    {});\n", declared.join(",\n    "));
        self.push(&if line.len() <= COLUMNS { line } else { lines() });
    }

    fn parameter(&mut self, kernel: &Kernel, param: &Param, name: &str) -> String {
        let Some(ty) = CType::of(param.element().unwrap_or(&param.ty)) else { return String::new() };
        let base = ty.vector().unwrap_or_else(|| ty.base().to_owned());
        let is_array = ty.vector().is_none() && !ty.lengths.is_empty();
        match param.kind {
            Kind::Value if is_array => format!("{} {name}", of_array(kernel, param)),
            Kind::Value => format!("{base} {name}"),
            Kind::Slice { mutable } => {
                let constant = if mutable { "" } else { "const " };
                let element = param.element().filter(|_| is_array);
                let pointer = element.map(|element| self.array(element, &format!("(*{name})")));
                constant.to_owned() + &pointer.unwrap_or_else(|| format!("{base}* {name}"))
            }
        }
    }

    /// A declaration with the lengths of arrays, which C++ has after the name.
    fn array(&mut self, ty: &Type, name: &str) -> String {
        let Some(ty) = CType::of(ty) else { return String::new() };
        let mut declared = format!("{} {name}", ty.base());
        for length in &ty.lengths {
            // As in a type, where the lints of the expression are those that the user has seen.
            let core = self.core;
            let number =
                || self.number(quote!(#core::mem::size_of::<[#core::primitive::u8; #length]>())).to_string();
            let length = types::literal(length).unwrap_or_else(number);
            declared += &format!("[{length}]");
        }
        declared
    }
}

/// All these attributes, once each.
fn joined(outer: &TokenStream, inner: &TokenStream) -> TokenStream {
    quote!(#outer #inner)
}

/// The name of a field in C++.
fn member(member: &Member) -> String {
    match member {
        Member::Named(name) => types::name(&name.to_string()),
        Member::Unnamed(index) => format!("_{}", index.index),
    }
}

/// Whether C++ needs a struct around a value.
fn is_array_by_value(param: &Param) -> bool {
    let ty = CType::of(&param.ty).filter(|_| !param.is_slice());
    ty.is_some_and(|ty| !ty.lengths.is_empty() && ty.vector().is_none())
}

/// The struct around an array that is passed by value.
fn of_array(kernel: &Kernel, param: &Param) -> String {
    format!("{}_{}", types::name(&kernel.plain_name()), types::name(&param.name.to_string()))
}
