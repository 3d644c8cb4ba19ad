//! Rules about names: accessors and generated items do not collide.

use crate::expand;
use crate::model::{Field, Model, Role};
use crate::parse::settings::Setting;
use crate::sink::Sink;
use proc_macro2::Ident;
use quote::format_ident;
use std::collections::HashMap;
use syn::ext::IdentExt;

/// The names of accessors, each with the name of its buffer.
type Accessors = HashMap<String, String>;

/// The accessors of a buffer share no name with another buffer's accessor, or with the manager's own methods
/// and fields.
pub(super) fn accessors_are_free(model: &mut Model<'_>, sink: &mut Sink) {
    let manager = model.names.manager.to_string();
    let mut accessors = Accessors::new();
    for field in &mut model.fields {
        if !matches!(field.role, Role::Buffer(_)) {
            continue;
        }
        let with_mut = format!("{}_mut", field.name);
        let Some(collision) = collision(&field.name, &with_mut, &manager, &accessors) else {
            accessors.insert(with_mut, field.name.clone());
            accessors.insert(field.name.clone(), field.name.clone());
            continue;
        };
        let message = format!("{collision}: {}", another_name(field));
        match &field.settings.name {
            Some(setting) => sink.at(&setting.tokens, message),
            None => sink.at(&field.ident, message),
        }
        field.role = Role::Broken;
    }
}

/// Why a buffer cannot have this name.
fn collision(name: &str, with_mut: &str, manager: &str, accessors: &Accessors) -> Option<String> {
    let is_method = |name: &str| expand::manager_methods().any(|method| method == name);
    if is_method(name) {
        Some(format!("`{manager}` has a method `{name}` of its own, so the name is taken"))
    } else if is_method(with_mut) {
        Some(format!("the accessor `{with_mut}` of this buffer is a method of `{manager}` itself"))
    } else if expand::private_names().any(|private| private == name) {
        Some(format!("`{name}` is what the generated code calls something of its own"))
    } else if let Some(other) = accessors.get(name) {
        Some(format!("the buffer `{other}` has an accessor `{name}` already"))
    } else {
        let other = accessors.get(with_mut)?;
        Some(format!("the accessor `{with_mut}` of this buffer is one of the buffer `{other}` already"))
    }
}

/// The advice to give a buffer another name.
fn another_name(field: &Field<'_>) -> String {
    if field.settings.name.is_some() {
        return "choose another".to_owned();
    }
    let plain = field.name.trim_start_matches('_');
    format!("give the buffer another one, as in `#[buffer(name = \"{plain}_data\")]`")
}

/// The generated items have different names, and none has the name of the struct.
pub(super) fn items_differ(model: &mut Model<'_>, sink: &mut Sink) {
    let (names, settings) = (&mut model.names, &model.settings);
    let tokens = |setting: &Option<Setting<Ident>>| setting.as_ref().map(|setting| setting.tokens.clone());
    let (name, lengths) = (tokens(&settings.name), tokens(&settings.lengths));
    let mut taken = vec![(model.name.clone(), "the struct itself")];
    let items = [
        (&mut names.manager, "the manager", name.clone()),
        (&mut names.split, "what `split_mut` gives", name.clone()),
        (&mut names.lengths, "the struct of lengths", lengths.clone()),
        (&mut names.download, "a download of the set", lengths.clone().or_else(|| name.clone())),
        (&mut names.frame, "what a download brings", lengths.or(name)),
    ];
    for (ident, item, at) in items {
        let name = ident.unraw().to_string();
        match (taken.iter().find(|(other, _)| *other == name), at) {
            (Some((_, other)), Some(at)) => {
                sink.at(&at, format!("`{name}` would be {item}, and is {other}: write another name"));
                // Two items with the same name would be further errors.
                *ident = format_ident!("__{name}{}", taken.len(), span = ident.span());
            }
            _ => taken.push((name, item)),
        }
    }
}
