//! The module: which functions are kernels, which items stay, and the message about each mistake.

use super::super::signature::Kernel;
use super::{errors, expand, messages, module, pretty};
use crate::sink::Sink;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;

/// The items that stay, and the names of the kernels.
fn split(items: &TokenStream) -> (String, Vec<String>) {
    let mut sink = Sink::default();
    let module: super::super::parse::Module = syn::parse2(quote!(mod m { #items })).unwrap();
    let (module, kernels) = module.into_kernels(&mut sink);
    assert!(sink.messages().is_empty(), "{:?}", sink.messages());
    (module.items.to_string(), kernels.iter().map(Kernel::plain_name).collect())
}

/// An item of each kind, none of which is a kernel.
const ITEMS: &[&str] = &[
    "use a::{b, c};",
    "pub use a::b as c;",
    "extern crate a;",
    "const A: B = B { c: { 1 } };",
    "pub const A: [u8; { 1 }] = { [1] };",
    "const A: fn() = { fn b() {} b };",
    "pub static A: B = B {};",
    "pub static mut A: B = { B };",
    "type A = [u8; { 1 }];",
    "pub type A<const N: usize> = B<{ N }>;",
    "struct A;",
    "pub struct A(pub u8);",
    "pub struct A { pub b: u8 }",
    "struct A<const N: usize = { 3 }>(u8);",
    "pub struct A<const N: usize = { 3 }> where B<{ N }>: C, { b: u8 }",
    "union A { b: u8 }",
    "pub enum A { B = { 1 }, C { d: u8 } }",
    "impl A<{ 1 }> for B { pub fn c() {} }",
    "impl A { pub fn b(&self); }",
    "unsafe impl A for B {}",
    "pub trait A { fn b(); const C: u8 = { 1 }; }",
    "pub unsafe trait A {}",
    "pub unsafe auto trait A {}",
    "unsafe extern \"C\" { pub fn a(); }",
    "pub extern crate a as b;",
    "macro_rules! a { () => { pub fn b() {} }; }",
    "macro_rules! a( () => ( pub fn b() {} ) );",
    "a! { pub fn b() {} }",
    "a::b!(pub fn c() {});",
    "a![b];",
    "mod a { pub fn b() {} }",
    "pub mod a { mod c; }",
    "mod a;",
    "fn a() {}",
    "fn a<const N: usize>(b: [u8; N]) -> B<{ N }> where C<{ N }>: D { pub fn e() {} }",
    "const fn a() -> u8 { 1 }",
    "const unsafe fn a() {}",
    "const extern \"C\" fn a() {}",
    "const async unsafe extern fn a() {}",
    "async fn a() {}",
    "unsafe extern \"C\" fn a() {}",
    "#[cfg(b)] #[doc = \"c\"] fn a() {}",
];

#[test]
fn kernels_are_found_between_items_of_every_kind() {
    for item in ITEMS {
        let item: TokenStream = item.parse().unwrap();
        let (kept, kernels) = split(&quote! {
            #item
            #[requires(true)]
            pub fn first(a: &[u8]) { b }
            #item
            pub(crate) fn second(a: &[u8]);
            pub(in a::b) fn third() where u8: Copy { }
            #item
        });
        assert_eq!(kernels, ["first", "second", "third"], "{item}");
        let expected = quote! {
            #item
            pub fn first(a: &[u8]) { b }
            #item
            pub(in a::b) fn third() where u8: Copy { }
            #item
        };
        assert_eq!(kept, expected.to_string());
    }
}

/// Tokens as `macro_rules!` hands on its parsed input.
fn fragment(tokens: TokenStream) -> TokenTree {
    Group::new(Delimiter::None, tokens).into()
}

#[test]
fn fragments_of_macros_are_read_as_what_they_hold() {
    let [first, second] = [
        quote!(
            pub fn first() {}
        ),
        quote!(
            pub fn second(a: &[u8]);
        ),
    ]
    .map(fragment);
    let both = fragment(quote!(#[cfg(all())] #second));
    let other = fragment(quote!(
        pub struct A;
    ));
    let (vis, no_vis) = (fragment(quote!(pub)), fragment(TokenStream::new()));
    let (ty, body, sum) =
        (fragment(quote!(&mut [f32])), fragment(quote!({ a })), fragment(quote!(1 + { 1 })));
    let (kept, kernels) = split(&quote! {
        #first
        #other
        const B: u8 = #sum * 2;
        #[doc = "a"]
        #both
        #vis fn third(a: #ty) #body
        #no_vis fn no_kernel() #body
    });
    assert_eq!(kernels, ["first", "second", "third"]);
    let expected = quote! {
        pub fn first() {}
        pub struct A;
        const B: u8 = #sum * 2;
        #vis fn third(a: #ty) #body
        fn no_kernel() #body
    };
    assert_eq!(kept, expected.to_string());
    // As an expression, a fragment is one operand.
    assert!(sum.to_string().contains("1 + { 1 }"));
}

#[test]
fn qualifiers_make_no_kernel() {
    for (qualifiers, shown) in [
        ("async", "async"),
        ("const", "const"),
        ("unsafe", "unsafe"),
        ("extern", "extern"),
        ("extern \"C\"", "extern \"C\""),
        ("const async unsafe extern \"C\"", "const async unsafe extern \"C\""),
    ] {
        let found = messages("", &format!("pub {qualifiers} fn a() {{}}"));
        let expected =
            format!("a kernel is a plain `fn`, without `{shown}`. A function that is no kernel has no `pub`");
        assert_eq!(found, [expected]);
    }
}

#[test]
fn each_mistake_in_a_signature_has_its_message() {
    let no_pub = ". A function that is no kernel has no `pub`";
    let angle = &format!(
        "a kernel has no parameters in angle brackets: the PTX has one function of this name{no_pub}"
    );
    let result = &format!("a kernel returns nothing: it writes its result into a `&mut [T]`{no_pub}");
    let receiver = "a kernel is a function of the module, without `self`";
    let condition =
        "expected a condition on the parameters, such as `#[requires(positions.len() == velocities.len())]`";
    for (item, message) in [
        ("pub fn a<T>(b: &[T]) {}", angle.as_str()),
        ("pub fn a<'b>(b: &[u8]) {}", angle),
        ("pub fn a<const N: usize>() where u8: Copy {}", angle),
        ("pub fn a() -> u8 {}", result),
        ("pub fn a() -> impl B where u8: Copy {}", result),
        ("pub fn a(&self, b: u8) {}", receiver),
        ("pub fn a(&'static mut self) {}", receiver),
        ("pub fn a(mut self) {}", receiver),
        ("pub fn a(self: Box<Self>, b: u8) {}", receiver),
        ("pub fn a(_: u8) {}", "a parameter of a kernel has a name, such as `_unused`: callers see it"),
        (
            "pub fn a(__launch: u8) {}",
            "`__launch` is what the generated code calls something of its own: choose another",
        ),
        ("pub fn a(b: u8, ...) {}", "a parameter of a kernel is `name: Type`"),
        (
            "pub fn a(#[cfg(c)] b: u8) {}",
            "the number of parameters cannot depend on `cfg`: write two kernels, each with its own `#[cfg(..)]`",
        ),
        ("#[requires] pub fn a() {}", condition),
        ("#[requires()] pub fn a() {}", condition),
        ("#[requires = 5] pub fn a() {}", condition),
        ("#[requires(self.0)] pub fn a() {}", "a condition is about the parameters, and there is no `self`"),
    ] {
        assert_eq!(messages("", item), [message], "{item}");
    }
}

#[test]
fn each_mistake_in_a_type_has_its_message() {
    let both = |element: &str| format!("`&[{element}]`, or `&mut [{element}]` if the kernel writes it");
    let slice = |element: &str| format!("a buffer is a slice here: {}", both(element));
    let life = |slice: &str| format!("a slice lives as long as the launch, which has no name: `{slice}`");
    let known = "a kernel has types that are known here: the PTX has one function of this name";
    let plain = "a kernel takes plain data: slices of it, and values";
    for (ty, message) in [
        ("&u8", "a buffer is a slice here, `&[u8]`, and a value is passed as `u8`".to_owned()),
        ("&[u8; 3]", "a buffer is a slice here, `&[u8]`, and a value is passed as `[u8; 3]`".to_owned()),
        ("&mut u8", "a buffer is a slice here, `&mut [u8]`".to_owned()),
        ("&str", "a kernel knows no text: its bytes are `&[u8]`".to_owned()),
        ("[u8]", format!("a slice is borrowed: {}", both("u8"))),
        ("*const c::D", slice("c::D")),
        ("*mut [f32; 2]", slice("[f32; 2]")),
        ("std::vec::Vec<u8>", slice("u8")),
        ("&Buffer<u8>", slice("u8")),
        ("&mut gpumem::ViewMut<'_, u8, B>", slice("u8")),
        ("&'static [u8]", life("&[u8]")),
        ("&'b mut [u8]", life("&mut [u8]")),
        ("impl C", known.to_owned()),
        ("dyn C", plain.to_owned()),
        ("&dyn C", plain.to_owned()),
        ("&fn()", plain.to_owned()),
    ] {
        assert_eq!(messages("", &format!("pub fn a(b: {ty}) {{}}")), [message], "{ty}");
    }
}

#[test]
fn each_mistake_in_a_module_has_its_message() {
    for (items, message) in [
        (
            "pub fn load() {}",
            "`Kernels` has a method `load` of its own, so the name is taken: choose another",
        ),
        ("pub fn a() {} pub fn a() {}", "there are two kernels `a`, and the PTX has one of a name"),
        ("pub fn r#a() {} pub fn a() {}", "there are two kernels `a`, and the PTX has one of a name"),
        ("pub fn a() {} enum Kernels {}", "the generated struct is called `Kernels`: choose another name"),
        (
            "pub fn a() {} pub type Kernels = u8;",
            "the generated struct is called `Kernels`: choose another name",
        ),
        (
            "fn a() {}",
            "the module `m` has no kernels: a kernel is a function with a visibility, such as `pub fn`",
        ),
        (
            "pub fn a() {} #[requires(true)] fn b() {}",
            "`#[requires]` is for kernels, and this is none: a kernel is a function with a visibility, such as `pub fn`",
        ),
    ] {
        assert_eq!(messages("", items), [message], "{items}");
    }
}

#[test]
fn a_pattern_is_taken_apart_in_the_body() {
    for pattern in ["(b, c)", "[b, c]", "B { c: d }", "b::B::<u8> { c }", "ref b", "b @ 1", "&b", "mut ref b"]
    {
        let found = messages("", &format!("pub fn a({pattern}: u8) {{}}"));
        assert_eq!(found.len(), 1, "{pattern}: {found:?}");
        assert!(
            found[0].starts_with("a parameter of a kernel is a name: take it apart in the body, `let "),
            "{found:?}"
        );
    }
}

#[test]
fn a_kernel_takes_up_to_twelve_slices() {
    let slices =
        |count| (0..count).map(|index| format!("a{index}: &[u8], b{index}: u8,")).collect::<String>();
    assert!(messages("", &format!("pub fn a({}) {{}}", slices(12))).is_empty());
    assert_eq!(
        messages("", &format!("pub fn a({}) {{}}", slices(14))),
        ["a kernel takes at most 12 slices, and this one has 14"]
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let items = "pub async fn a<T>(&self, (b, c): T, d: *const u8, e: &u8) -> u8 {} pub fn f(_: u8); \
                 #[requires] pub(crate) fn load(); #[requires(true)] const G: u8 = 1;";
    assert_eq!(messages("", items).len(), 7 + 2 + 2 + 1);
}

#[test]
fn the_kernels_are_there_after_a_mistake() {
    for items in [
        "pub async fn a(b: &mut [f32], c: u8) {}",
        "pub fn a<T>(b: &mut [T], c: u8) {}",
        "pub fn a(b: *mut f32, (c, d): (u8, u8)) {}",
        "pub fn a(&self, b: &mut [f32], c: u8) {}",
        "pub fn a(b: &mut [f32], c: u8);",
    ] {
        let output = pretty(&module("", items));
        assert!(
            output.contains("pub struct Kernels<B: ::gpumem::KernelBackend = ::gpumem::Host>"),
            "{output}"
        );
        assert!(output.contains("pub fn load(__device: &::gpumem::Device<B>)"), "{output}");
        let method = output.split("pub fn a(\n").nth(1).unwrap_or_else(|| panic!("no method\n{output}"));
        assert!(method.split(") ->").next().unwrap().matches("impl ").count() >= 2, "{method}");
    }
    let output = pretty(&module("(unsafe(ptx = \"no_such.ptx\"), 7)", "fn a() {}"));
    assert!(output.contains("pub struct Kernels<"), "{output}");
}

#[test]
fn other_items_come_out_as_they_are() {
    for item in ["struct A { b: u8 }", "fn a() {}", "impl A {}", "mod a;"] {
        let output = expand(&format!("#[gpumem::kernels] {item}"));
        let [message] = errors(output.clone()).try_into().unwrap();
        assert!(
            message.starts_with("`#[kernels]` stands before a module")
                || message.starts_with("the kernels stand in the module here"),
            "{message}"
        );
        assert!(output.to_string().ends_with(&item.parse::<TokenStream>().unwrap().to_string()), "{output}");
    }
}
