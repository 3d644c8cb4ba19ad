//! Rules between the keys of a field.

use crate::model::{Field, Role};
use crate::parse::settings::{FieldSettings, Setting};
use crate::sink::Sink;
use crate::syntax::{identifiers, is_unsized};
use crate::text;

/// Beside `skip` there is no other key.
pub(super) fn skip_has_no_other_key(field: &Field<'_>, sink: &mut Sink) {
    let FieldSettings { tuning, name, preset, config, skip, .. } = &field.settings;
    if skip.is_none() {
        return;
    }
    let others = [
        tuning.growth.as_ref().map(|setting| &setting.key),
        tuning.max.as_ref().map(|setting| &setting.key),
        tuning.min.as_ref().map(|setting| &setting.key),
        tuning.asynchronous.as_ref().map(|setting| &setting.key),
        tuning.stable.as_ref().map(|setting| &setting.key),
        name.as_ref().map(|setting| &setting.key),
        preset.as_ref().map(|setting| &setting.key),
        config.as_ref().map(|setting| &setting.key),
    ];
    for key in others.into_iter().flatten() {
        let message =
            format!("`{key}` has no effect on a field that `skip` leaves on the host: remove one of the two");
        sink.at(&key, message);
    }
}

/// A buffer has a `preset` or a `config`, and not both.
pub(super) fn preset_or_config(field: &Field<'_>, sink: &mut Sink) {
    let FieldSettings { preset, config, skip, .. } = &field.settings;
    if let (None, Some(_), Some(config)) = (skip, preset, config) {
        let message = "`preset` and `config` each say everything: remove one of the two, and write beside the other what is to \
                       differ";
        sink.at(&config.key, message);
    }
}

/// `skip(default)` stands on a sized type: an unsized one has no default.
pub(super) fn skip_default_is_sized(field: &mut Field<'_>, sink: &mut Sink) {
    if let Some(Setting { value: Some(skip), .. }) = &mut field.settings.skip
        && skip.default
        && is_unsized(field.ty)
    {
        let ty = text::of(field.ty);
        sink.at(field.ty, format!("a `{ty}` has no size, so there is no default of it: write `skip` alone"));
        skip.default = false;
    }
}

/// The constant of a `config` uses no parameter of the struct: it is the same for every argument.
pub(super) fn config_uses_no_parameter(field: &mut Field<'_>, params: &[String], sink: &mut Sink) {
    let Role::Buffer(buffer) = &mut field.role else { return };
    let Some(config) = &buffer.config else { return };
    let used = identifiers(config.clone());
    if let Some(param) = params.iter().find(|param| used.contains(*param)) {
        let message =
            format!("`{param}` is a parameter of the struct, and a `config` is the same whatever that is");
        sink.at(config, message);
        buffer.config = None;
    }
}
