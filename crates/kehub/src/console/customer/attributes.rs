//! What a customer shows: each value with where it is from, and the values that lost against it.

use super::Seen;
use crate::console::words::fill;
use kehub_core::attribute::FieldKey;
use kehub_core::customer::{Cell, Customer};
use kehub_core::filter::SortKey;
use kehub_core::history::{Provenance, Source};
use maud::{Markup, html};

pub(super) fn section(seen: &Seen<'_>, customer: &Customer) -> Markup {
    let words = seen.shower.words();
    let mut told = seen.past.provenance(customer, seen.then);
    // What shows nothing comes last.
    told.sort_by_key(|field| value_of(field).is_none());
    html! {
        section .card #attributes {
            h2 { (words.attributes) }
            @if told.is_empty() {
                p .soft { (words.attributes_empty) }
            } @else {
                dl .fields { @for field in &told { (row(seen, field)) } }
            }
        }
    }
}

fn value_of(field: &Provenance) -> Option<&kehub_core::attribute::Value> {
    field.cell.as_ref()?.value.as_ref()
}

fn label(seen: &Seen<'_>, key: &FieldKey) -> String {
    match key {
        FieldKey::Builtin(attribute) => seen.shower.look.language.attribute(*attribute),
        FieldKey::Custom(key) => seen.shower.look.language.field(&SortKey::Custom(key.clone())),
    }
}

fn row(seen: &Seen<'_>, field: &Provenance) -> Markup {
    let words = seen.shower.words();
    html! {
        div .field {
            dt { (label(seen, &field.key)) }
            dd {
                @match value_of(field) {
                    Some(value) => span .value { (seen.shower.field(&field.key, value)) },
                    None => span .soft { (words.cleared) },
                }
                @if let Some(cell) = &field.cell {
                    @if cell.verified && cell.value.is_some() { " " span .tag.good { (words.verified) } }
                    (origin(seen, cell))
                }
                @if !field.lost.is_empty() { (lost(seen, field)) }
            }
        }
    }
}

/// Who said it first, and when.
fn origin(seen: &Seen<'_>, cell: &Cell) -> Markup {
    let apps: Vec<String> = cell.apps.iter().map(|app| seen.app(*app)).collect();
    html! {
        p .origin {
            (seen.shower.words().origin) " "
            (apps.join(", ")) ", "
            a href={ "#s" (cell.seq) } { (seen.shower.time(cell.at)) }
        }
    }
}

fn lost(seen: &Seen<'_>, field: &Provenance) -> Markup {
    let words = seen.shower.words();
    html! {
        details .lost {
            summary { (fill(words.other_values, &[&field.lost.len().to_string()])) }
            ul .plain { @for source in &field.lost { li { (loser(seen, field, source)) } } }
        }
    }
}

fn loser(seen: &Seen<'_>, field: &Provenance, source: &Source) -> Markup {
    let words = seen.shower.words();
    let is_merged =
        seen.then.homes_of(seen.then.survivor(seen.id).map_or(seen.id, |it| it.id)).len() > 1;
    html! {
        @match &source.value {
            Some(value) => span .value { (seen.shower.field(&field.key, value)) },
            None => span .soft { (words.cleared) },
        }
        @if source.verified && source.value.is_some() { " " span .tag.good { (words.verified) } }
        @if source.is_screened { " " span .tag { (words.lost_screened) } }
        span .origin {
            (seen.app(source.app)) ", "
            a href={ "#s" (source.seq) } { (seen.shower.time(source.at)) }
            @if is_merged { ", " (fill(words.home, &[&source.home.to_string()])) }
        }
    }
}
