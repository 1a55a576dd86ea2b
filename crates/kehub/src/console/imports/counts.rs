//! How many rows came to what.

use super::words::Words;
use crate::console::show::count;
use kehub_core::import::Progress;
use maud::{Markup, html};

/// The outcomes of rows, each with its name and how many came to it.
pub(super) fn outcomes(progress: &Progress, words: &Words) -> [(&'static str, u64); 6] {
    [
        (words.created, progress.created),
        (words.updated, progress.updated),
        (words.unchanged, progress.unchanged),
        (words.merged, progress.merged),
        (words.conflicts, progress.conflicts),
        (words.refused, progress.refused),
    ]
}

/// All of them beside each other.
pub(super) fn tiles(progress: &Progress, words: &Words) -> Markup {
    html! {
        dl .tiles.many {
            div .tile { dt { (words.rows) } dd { (count(progress.rows)) } }
            @for (name, number) in outcomes(progress, words) {
                div .tile { dt { (name) } dd { (count(number)) } }
            }
            @if progress.skipped > 0 {
                div .tile { dt { (words.skipped) } dd { (count(progress.skipped)) } }
            }
        }
    }
}
