//! What happened to a customer, newest first.

use super::Seen;
use crate::console::acts::words::words;
use crate::console::words::fill;
use kehub_core::attribute::{FieldKey, Value};
use kehub_core::filter::SortKey;
use kehub_core::history::{FieldChange, Happening, Version};
use kehub_core::journal::{Record, Route};
use maud::{Markup, html};

/// Steps that are told without being asked for all.
const STEPS: usize = 30;

pub(super) fn section(seen: &Seen<'_>) -> Markup {
    let words = seen.shower.words();
    let taken = seen.versions.iter().take(seen.asked.step).rev();
    let shown = if seen.asked.is_all { usize::MAX } else { STEPS };
    let count = seen.asked.step.to_string();
    html! {
        section .card #timeline {
            h2 { (words.timeline) }
            ol .timeline { @for version in taken.take(shown) { (step(seen, version)) } }
            @if seen.asked.step > shown {
                p {
                    a .button href={ "/console/customers/" (seen.id) "?steps=all#timeline" } {
                        (fill(words.timeline_all, &[&count]))
                    }
                }
            }
        }
    }
}

fn step(seen: &Seen<'_>, version: &Version) -> Markup {
    let words = seen.shower.words();
    let entry = &version.entry;
    let class = version.happened.first().map_or("", |first| class_of(*first));
    html! {
        li .(class) #{ "s" (entry.seq) } {
            p .happened {
                @for (place, happened) in version.happened.iter().enumerate() {
                    @if place > 0 { " · " }
                    b { (words.happening(*happened)) }
                }
                " "
                span .soft { (seen.shower.time(entry.at)) }
            }
            @if !version.fields.is_empty() {
                ul .plain.changes { @for change in &version.fields { li { (changed(seen, change)) } } }
            }
            (identities(seen, words.gained, &version.gained))
            (identities(seen, words.lost, &version.lost))
            (undo(seen, version))
            p .origin {
                (seen.app(entry.app))
                @if let Some(route) = found_by(seen, version) { ", " (route) }
                @for about in abouts(version) { ", " (about) }
                ", " (words.request) " " code { (entry.request) }
                ", " a href={ "/console/customers/" (seen.id) "?seq=" (entry.seq) } {
                    (words.timeline_look)
                }
            }
        }
    }
}

/// Leads to where the merges of a step are undone, while they stand.
fn undo(seen: &Seen<'_>, version: &Version) -> Markup {
    let is_now = seen.asked.moment == kehub_core::history::Moment::Now;
    let stands = |record: &Record| {
        let Record::Merged(merge) = record else { return None };
        seen.then.merge(merge.id).filter(|merge| merge.is_live()).map(|merge| merge.id)
    };
    let merges: Vec<_> = version.entry.records.iter().filter_map(stands).collect();
    html! {
        @if is_now && seen.may_undo {
            @for id in merges {
                p { a .button.small href={ "/console/customers/" (seen.id) "/merges/" (id) "/undo" } {
                    (fill(words(seen.shower.look.language).undo_title, &[&id.to_string()]))
                } }
            }
        }
    }
}

/// How a step looks.
const fn class_of(happening: Happening) -> &'static str {
    match happening {
        Happening::Created | Happening::Restored => "born",
        Happening::Merged | Happening::Unmerged | Happening::Extracted => "joined",
        Happening::Deleted | Happening::Erased => "ended",
        Happening::ConflictOpened | Happening::CannotLinkSet | Happening::Quarantined => "doubt",
        Happening::Updated
        | Happening::ClaimDecided
        | Happening::ConflictResolved
        | Happening::CannotLinkRemoved
        | Happening::Released
        | Happening::Repeated => "usual",
    }
}

fn changed(seen: &Seen<'_>, change: &FieldChange) -> Markup {
    let words = seen.shower.words();
    let label = match &change.key {
        FieldKey::Builtin(attribute) => seen.shower.look.language.attribute(*attribute),
        FieldKey::Custom(key) => seen.shower.look.language.field(&SortKey::Custom(key.clone())),
    };
    let told = |side: &Option<(Value, bool)>| {
        html! {
            @match side {
                Some((value, _)) => (seen.shower.field(&change.key, value)),
                None => span .soft { (words.nothing) },
            }
        }
    };
    html! {
        span .soft { (label) } " "
        span {
            @if change.before.is_some() { s { (told(&change.before)) } " → " }
            (told(&change.after))
            @if change.after.as_ref().is_some_and(|(_, verified)| *verified) {
                " " span .tag.good { (words.verified) }
            }
        }
    }
}

fn identities(seen: &Seen<'_>, title: &str, numbers: &[kehub_core::IdentityNumber]) -> Markup {
    html! {
        @if !numbers.is_empty() {
            p .changes {
                span .soft { (title) } " "
                @for number in numbers {
                    @let (kind, value) = seen.identity(*number);
                    span .tag { (kind) " " (value) } " "
                }
            }
        }
    }
}

/// How a request found the customer.
fn found_by(seen: &Seen<'_>, version: &Version) -> Option<String> {
    let words = seen.shower.words();
    let by = match version.entry.claim()?.route {
        Route::Identity(number) => {
            let (kind, value) = seen.identity(number);
            format!("{kind} {value}")
        }
        Route::Mobile => words.found_mobile.to_owned(),
        Route::Email => words.found_email.to_owned(),
        Route::Id => words.found_id.to_owned(),
        Route::Created => return None,
    };
    Some(fill(words.matched_by, &[&by]))
}

/// Which merges and conflicts a step is about.
fn abouts(version: &Version) -> Vec<String> {
    let about = |record: &Record| {
        if let Record::Merged(merge) = record {
            let (low, high) = (merge.left.min(merge.right), merge.left.max(merge.right));
            return Some(format!("#{low} + #{high}"));
        }
        if let Record::Unmerged(unmerged) = record {
            let (one, other) = unmerged.customers;
            return Some(format!("#{one} | #{other}"));
        }
        if let Record::Extracted(extracted) = record {
            return Some(format!("#{} → #{}", extracted.from, extracted.to));
        }
        None
    };
    version.entry.records.iter().filter_map(about).collect()
}
