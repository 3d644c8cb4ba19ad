//! The rules between settings and fields, one function per rule. A mistake goes to the sink.

mod elements;
mod names;
mod settings;
mod sizes;

use crate::model::Model;
use crate::sink::Sink;
use crate::syntax::param_name;

/// Checks the model. A field becomes `Role::Broken` if its mistake leaves nothing to generate.
pub(crate) fn check(model: &mut Model<'_>, sink: &mut Sink) {
    let params: Vec<String> = model.input.generics.params.iter().map(param_name).collect();
    for field in &mut model.fields {
        settings::skip_has_no_other_key(field, sink);
        settings::preset_or_config(field, sink);
        settings::skip_default_is_sized(field, sink);
        settings::config_uses_no_parameter(field, &params, sink);
        sizes::min_is_at_most_max(field, sink);
        sizes::max_holds_one_element(field, sink);
        elements::type_is_a_vec(field, sink);
        elements::element_is_plain_data(field, sink);
    }
    names::accessors_are_free(model, sink);
    sizes::min_of_the_struct_is_at_most_its_max(model, sink);
    sizes::limit_holds_every_min(model, sink);
    names::items_differ(model, sink);
}

#[cfg(test)]
mod tests;
