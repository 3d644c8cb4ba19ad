//! Copies between a value of the struct and all buffers, and between two sets.

use crate::expand::context::{Context, user_ident};
use crate::expand::docs;
use crate::model::Field;
use crate::parse::settings::given;
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

pub(super) const METHODS: [&str; 5] =
    ["upload_from", "extend_from", "copy_from", "download", "download_into"];

pub(super) fn expand(cx: &Context<'_>) -> TokenStream {
    let name = &cx.model.name;
    let upload_from = upload(
        cx,
        "upload_from",
        "refill",
        &format!("Replaces the contents of every buffer with the fields of a [`{name}`]."),
    );
    let extend_from = upload(
        cx,
        "extend_from",
        "extend",
        &format!("Appends the fields of a [`{name}`] to the buffers, each to its own."),
    );
    let (copy_from, download, download_into) = (copy_from(cx), download(cx), download_into(cx));
    quote!(#upload_from #extend_from #copy_from #download #download_into)
}

/// The section on errors of all operations that write a whole set.
const ERRORS: &str = "\n\
    \n\
    # Errors\n\
    \n\
    If a limit would be exceeded, or the device does not have the memory for all buffers: then no buffer has \
    changed. If the device fails.";

/// A method that sends the fields of a value of the struct to the buffers. `call` is the method of the
/// runtime.
fn upload(cx: &Context<'_>, method: &str, call: &str, lead: &str) -> TokenStream {
    let Context { root, vis, .. } = cx;
    let (self_type, method, call) =
        (cx.model.self_type(), format_ident!("{method}"), format_ident!("{call}"));
    let fields = cx.buffers.iter().map(|part| user_ident(part.field));
    let plain = cx.buffers.iter().map(|part| &part.plain);
    let import = cx.import();
    let docs = docs::of_text(&format!("{lead}{ERRORS}"));
    let body = cx.body(quote! {
        #import
        let (__set, mut __buffers) = self.__raw_mut();
        __set.#call(&mut __buffers, &[#(#plain::bytes(&__data.#fields)),*])
    });
    quote! {
        #docs
        #vis fn #method(&mut self, __data: &#self_type) -> #root::Result<()> {
            #body
        }
    }
}

/// `copy_from`, which copies another set on the device.
fn copy_from(cx: &Context<'_>) -> TokenStream {
    let Context { root, vis, .. } = cx;
    let docs = docs::of_text(&format!(
        "Replaces the contents of every buffer by those of another set on the same device. The copies run on \
         the device.{ERRORS}"
    ));
    quote! {
        #docs
        #vis fn copy_from(&mut self, __source: &Self) -> #root::Result<()> {
            let (__set, mut __buffers) = self.__raw_mut();
            __set.copy_from(&mut __buffers, &__source.__raw())
        }
    }
}

/// `download`, which constructs a value of the struct.
fn download(cx: &Context<'_>) -> TokenStream {
    let Context { root, private, core, vis, .. } = cx;
    let (self_type, struct_name, name) = (cx.model.self_type(), cx.model.struct_name(), &cx.model.name);
    let is_mixed = cx.model.skipped().next().is_some();
    let defaults = if is_mixed { " Fields that are not buffers get their default." } else { "" };
    let docs = docs::of_text(&format!(
        "Waits for the device and copies every buffer into a new [`{name}`].{defaults}\n\
         \n\
         # Errors\n\
         \n\
         If the device fails."
    ));
    let buffers = cx.buffers.iter().map(|part| {
        let ident = user_ident(part.field);
        quote!(#ident: #private::Vec::new(),)
    });
    let skipped = Skipped::of(cx);
    let (values, clause) = (skipped.values, skipped.clause);
    let body = cx.body(quote! {
        let mut __data = #struct_name {
            #(#buffers)*
            #values
        };
        self.download_into(&mut __data)?;
        #core::result::Result::Ok(__data)
    });
    quote! {
        #docs
        #vis fn download(&self) -> #root::Result<#self_type> #clause {
            #body
        }
    }
}

/// The fields that stay on the host, in `download`.
struct Skipped {
    /// The default of each field.
    values: TokenStream,
    /// A bound for each field with `skip`. It is on the method, so a type without a default is an error where
    /// the program calls `download`, and nowhere else.
    clause: Option<TokenStream>,
}

impl Skipped {
    fn of(cx: &Context<'_>) -> Self {
        let Context { private, core, .. } = cx;
        // The compiler checks a bound with `for<'any>` at calls. Without it, a bound that does not hold and
        // has no parameters would be an error at the method itself.
        let any = &cx.model.names.any;
        let mut values = TokenStream::new();
        for field in cx.model.skipped().filter(|field| has_default_option(field)) {
            let (ident, ty) = (user_ident(field), field.ty);
            // The tokens of the type make this call, so that the compiler points at them if there is no
            // default.
            values.extend(quote!(#ident: <#ty as #core::default::Default>::default(),));
        }
        let mut bounds = Vec::new();
        for (field, number) in cx.model.skipped().filter(|field| !has_default_option(field)).zip(0..) {
            let (ident, ty) = (user_ident(field), field.ty);
            // Each bound has a number of its own: between two equal bounds, the compiler could not choose.
            let number = Literal::usize_unsuffixed(number);
            values.extend(quote!(#ident: #private::HostDefault::<#number>::host_default(),));
            bounds.push(quote!(for<#any> #ty: #private::HostDefault<#number>));
        }
        Skipped { values, clause: (!bounds.is_empty()).then(|| quote!(where #(#bounds,)*)) }
    }
}

/// Whether the field has `skip(default)`.
fn has_default_option(field: &Field<'_>) -> bool {
    given(field.settings.skip.as_ref()).is_some_and(|skip| skip.default)
}

/// `download_into`, which fills a value of the struct.
fn download_into(cx: &Context<'_>) -> TokenStream {
    let Context { root, vis, .. } = cx;
    let (self_type, name) = (cx.model.self_type(), &cx.model.name);
    let is_mixed = cx.model.skipped().next().is_some();
    let left_alone = if is_mixed { " Fields that are not buffers stay as they are." } else { "" };
    let docs = docs::of_text(&format!(
        "Waits for the device and copies every buffer into a [`{name}`], whose memory it reuses.{left_alone}\n\
         \n\
         # Errors\n\
         \n\
         If the device fails. Then the field of the buffer that failed is empty, and the fields after it are unchanged."
    ));
    let fields = cx.buffers.iter().map(|part| user_ident(part.field));
    let plain = cx.buffers.iter().map(|part| &part.plain);
    let import = cx.import();
    let body = cx.body(quote! {
        #import
        self.__set.fetch(&self.__raw(), &mut [#(#plain::target(&mut __data.#fields)),*])
    });
    quote! {
        #docs
        #vis fn download_into(&self, __data: &mut #self_type) -> #root::Result<()> {
            #body
        }
    }
}
