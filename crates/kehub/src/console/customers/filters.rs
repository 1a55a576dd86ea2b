//! The filters of a list: each as a chip that can be taken away, and a form for one more.

use super::address::{Asked, Filled};
use crate::console::show::Shower;
use crate::console::words::Words;
use kehub_core::attribute::Attribute;
use kehub_core::filter::SortKey;
use maud::{Markup, html};

/// Attributes whose filters go by an index.
const QUICK: [Attribute; 9] = [
    Attribute::Name,
    Attribute::Mobile,
    Attribute::Email,
    Attribute::Source,
    Attribute::Stage,
    Attribute::Gender,
    Attribute::ExternalId,
    Attribute::DateCreated,
    Attribute::LastUpdated,
];

/// How a field is compared: as the form names it, and for people.
fn operators(words: &Words) -> [(&'static str, &'static str); 10] {
    [
        ("is", words.op_is),
        ("not", words.op_not),
        ("in", words.op_in),
        ("prefix", words.op_prefix),
        ("gt", words.op_gt),
        ("gte", words.op_gte),
        ("lt", words.op_lt),
        ("lte", words.op_lte),
        ("empty", words.op_empty),
        ("set", words.op_set),
    ]
}

/// The filters that are set, and the form for a further one.
pub(super) fn bar(shower: &Shower<'_>, asked: &Asked) -> Markup {
    let words = shower.words();
    let address = &asked.address;
    html! {
        @if let Some(trouble) = &asked.trouble {
            section .alert role="alert" {
                b { (words.filter_unfit) }
                ul .plain { @for line in trouble.lines(shower.look.language) { li { (line) } } }
            }
        }
        section .filters aria-label=(words.filters) {
            @for (place, (name, value)) in address.filters.iter().enumerate() {
                span .chip {
                    (told(shower, name, value))
                    a .remove href=(address.without_filter(place).text())
                        aria-label=(words.filter_remove) title=(words.filter_remove) { "×" }
                }
            }
            details .menu open[asked.trouble.is_some() && asked.leads_to.is_some()] {
                summary .button { "+ " (words.filter_add) }
                div .panel { (form(shower, asked)) }
            }
            @if address.filters.len() > 1 {
                a .quiet href=(super::Address { filters: Vec::new(), ..address.clone() }.text()) {
                    (words.filter_clear)
                }
            }
        }
    }
}

/// A filter in words.
fn told(shower: &Shower<'_>, name: &str, value: &str) -> Markup {
    let words = shower.words();
    let (field, operator) = name.split_once(':').unwrap_or((name, "is"));
    let (operator, value) = match (operator, value) {
        ("empty", "0" | "false") => ("set", ""),
        ("empty", _) => ("empty", ""),
        other => other,
    };
    let key = SortKey::named(field);
    let label = key.map_or_else(|| field.to_owned(), |key| shower.look.language.field(&key));
    let compared = operators(words).into_iter().find(|(known, _)| *known == operator);
    html! {
        b { (label) } " "
        span .soft { (compared.map_or(operator, |(_, told)| told)) }
        @if !value.is_empty() { " " (value) }
    }
}

fn form(shower: &Shower<'_>, asked: &Asked) -> Markup {
    let words = shower.words();
    let Filled { field, custom, operator, value } = &asked.filled;
    let option = |attribute: &Attribute| {
        let name = attribute.name();
        html! {
            option value=(name) selected[field == name] {
                (shower.look.language.attribute(*attribute))
            }
        }
    };
    let is_slow =
        |attribute: &&Attribute| !QUICK.contains(attribute) && **attribute != Attribute::Id;
    html! {
        form .stack action="/console/customers" {
            @for (name, value) in asked.address.parameters() {
                input type="hidden" name=(name) value=(value);
            }
            label { (words.filter_field)
                select name="field" required {
                    optgroup label=(words.filters_quick) { @for it in &QUICK { (option(it)) } }
                    optgroup label=(words.filters_slow) {
                        option value="attr" selected[field == "attr"] { (words.filter_custom) }
                        @for it in Attribute::ALL.iter().filter(is_slow) { (option(it)) }
                    }
                }
            }
            label .only-custom { (words.filter_custom)
                input name="key" value=(custom) placeholder="attr" autocomplete="off";
            }
            label { (words.filter_operator)
                select name="operator" {
                    @for (name, told) in operators(words) {
                        option value=(name) selected[operator == name] { (told) }
                    }
                }
            }
            label .only-value { (words.filter_value)
                input name="value" value=(value) autocomplete="off";
            }
            button .button.primary { (words.filter_add) }
        }
    }
}
