//! Plots as SVG. Each says its numbers without a pointer over it, and once more as a table.

use super::series::{RESULTS, SLOTS, Told};
use crate::api::Call;
use crate::console::show::{Shower, count};
use crate::console::words::fill;
use kehub_core::Micros;
use maud::{Markup, html};

/// Sizes in units of the picture.
const WIDTH: u32 = 560;
const HEIGHT: u32 = 180;
const LEFT: u32 = 8;
const BOTTOM: u32 = 22;
const TOP: u32 = 18;

/// The class of each result, in the order of [`RESULTS`].
const CLASSES: [&str; 5] = ["r-created", "r-updated", "r-merged", "r-unchanged", "r-refused"];

/// A plot with its title, and its numbers beneath.
fn card(shower: Shower<'_>, title: &str, why: &str, plot: &Markup, numbers: &Markup) -> Markup {
    html! {
        section .card.plot {
            h2 { (title) }
            p .note { (why) }
            (plot)
            details { summary { (shower.words().plot_table) } div .scroll tabindex="0" { (numbers) } }
        }
    }
}

/// How high a column is, of what is highest.
fn height(value: u64, most: u64) -> u32 {
    let room = u64::from(HEIGHT - TOP - BOTTOM);
    u32::try_from((value * room).div_ceil(most.max(1))).unwrap_or_default()
}

/// New customers, a column a day.
pub(super) fn new_customers(shower: Shower<'_>, days: &[(Micros, u64)]) -> Markup {
    let words = shower.words();
    let most = days.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let number = u32::try_from(days.len().max(1)).unwrap_or(1);
    let pitch = (WIDTH - 2 * LEFT) / number;
    let day = |at: Micros| shower.moment(at).chars().skip(5).take(5).collect::<String>();
    let plot = html! {
        svg .chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(words.new_time) {
            @for (place, (at, value)) in (0_u32..).zip(days) {
                @let tall = height(*value, most);
                @let x = LEFT + place * pitch;
                @let middle = x + pitch / 2;
                @if *value > 0 {
                    rect .bar x=(x + 4) y=(HEIGHT - BOTTOM - tall) width=(pitch - 8) height=(tall) rx="2" {
                        title { (day(*at)) ": " (count(*value)) }
                    }
                }
                @let class = if *value == 0 { "value none" } else { "value" };
                text .(class) x=(middle) y=(HEIGHT - BOTTOM - tall - 5) { (short(*value)) }
                @if place % 2 == (number + 1) % 2 {
                    @let class = if place % 4 == (number + 3) % 4 { "axis" } else { "axis spare" };
                    text .(class) x=(middle) y=(HEIGHT - 6) { (day(*at)) }
                }
            }
            path .ground d={ "M" (LEFT) " " (HEIGHT - BOTTOM) "H" (WIDTH - LEFT) } {}
        }
    };
    let numbers = html! {
        table .plain {
            thead { tr { th scope="col" { (words.day) } th .number scope="col" { (words.new_time) } } }
            tbody { @for (at, value) in days.iter().rev() {
                tr { th scope="row" { (day(*at)) } td .number { (count(*value)) } }
            } }
        }
    };
    card(shower, words.new_time, words.new_time_why, &plot, &numbers)
}

/// A number that fits above a column.
fn short(value: u64) -> String {
    match value {
        0..=9_999 => value.to_string(),
        10_000..=999_999 => format!("{}k", value / 1000),
        _ => format!("{}M", value / 1_000_000),
    }
}

/// What became of upserts, a stack a quarter hour.
pub(super) fn outcomes(shower: Shower<'_>, told: &Told) -> Markup {
    let words = shower.words();
    let sum = |counts: &[u32]| counts.iter().map(|count| u64::from(*count)).sum::<u64>();
    let most = told.slots.iter().map(|(_, counts)| sum(counts)).max().unwrap_or(0);
    let slots = u32::try_from(SLOTS).unwrap_or(1);
    let pitch = (WIDTH - 2 * LEFT) / slots;
    let clock = |at: Micros| shower.moment(at).chars().skip(11).take(5).collect::<String>();
    let plot = html! {
        (legend(shower))
        svg .chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(words.results_time) {
            @for (place, (at, counts)) in (0_u32..).zip(&told.slots) {
                @let x = LEFT + place * pitch;
                @for (class, low, tall) in stacked(counts, most) {
                    rect .(class) x=(x) y=(HEIGHT - BOTTOM - low - tall) width=(pitch - 1) height=(tall) {
                        title { (clock(*at)) ": " (count(sum(counts))) }
                    }
                }
                @if place % 16 == 15 {
                    @let class = if place % 32 == 31 { "axis" } else { "axis spare" };
                    text .(class) x=(x) y=(HEIGHT - 6) { (clock(*at)) }
                }
            }
            path .ground d={ "M" (LEFT) " " (HEIGHT - BOTTOM) "H" (WIDTH - LEFT) } {}
            text .most x=(LEFT) y="11" { (fill(words.most, &[&count(most)])) }
        }
    };
    let numbers = html! {
        table .plain {
            thead { tr {
                th scope="col" { (words.time) }
                @for result in RESULTS { th .number scope="col" { (words.result(result)) } }
            } }
            tbody { @for (at, counts) in told.slots.iter().rev().filter(|(_, it)| sum(it) > 0) {
                tr {
                    th scope="row" { (clock(*at)) }
                    @for value in counts { td .number { (count(u64::from(*value))) } }
                }
            } }
        }
    };
    card(shower, words.results_time, words.results_time_why, &plot, &numbers)
}

/// The parts of a stack: class, how far above the ground, how high.
fn stacked(counts: &[u32], most: u64) -> Vec<(&'static str, u32, u32)> {
    let (mut parts, mut low) = (Vec::new(), 0);
    for (class, value) in CLASSES.into_iter().zip(counts).filter(|(_, value)| **value > 0) {
        let tall = height(u64::from(*value), most);
        parts.push((class, low, tall));
        low += tall;
    }
    parts
}

fn legend(shower: Shower<'_>) -> Markup {
    let words = shower.words();
    html! {
        ul .legend { @for (class, result) in CLASSES.into_iter().zip(RESULTS) {
            li { svg width="10" height="10" aria-hidden="true" { rect .(class) width="10" height="10" rx="2" {} }
                " " (words.result(result)) }
        } }
    }
}

/// Each result's share of all.
pub(super) fn shares(shower: Shower<'_>, totals: &[u64; 5]) -> Markup {
    let words = shower.words();
    let named: Vec<(String, &str, u64)> = RESULTS
        .into_iter()
        .zip(CLASSES)
        .zip(totals)
        .map(|((result, class), total)| (words.result(result).to_owned(), class, *total))
        .collect();
    bars(shower, words.shares, words.shares_why, &named, true)
}

/// How much each app sends.
pub(super) fn senders(shower: Shower<'_>, call: &Call, told: &Told) -> Markup {
    const SHOWN: usize = 8;
    let words = shower.words();
    let access = call.hub().access();
    let name = |app: &Option<kehub_core::AppNumber>| {
        let id = app.and_then(|app| access.app_name(call.tenant(), app));
        id.unwrap_or(words.other_apps).to_owned()
    };
    let mut named: Vec<(String, &str, u64)> =
        told.apps.iter().take(SHOWN).map(|(app, sent)| (name(app), "bar", *sent)).collect();
    let rest: u64 = told.apps.iter().skip(SHOWN).map(|(_, sent)| *sent).sum();
    if rest > 0 {
        named.push((words.other_apps.to_owned(), "bar", rest));
    }
    bars(shower, words.sources_title, words.sources_why, &named, false)
}

/// A bar for each of some things, with its number.
fn bars(
    shower: Shower<'_>,
    title: &str,
    why: &str,
    named: &[(String, &str, u64)],
    with_share: bool,
) -> Markup {
    const ROOM: u64 = 1000;
    let words = shower.words();
    let most = named.iter().map(|(_, _, value)| *value).max().unwrap_or(0);
    let sum: u64 = named.iter().map(|(_, _, value)| *value).sum();
    html! {
        section .card.plot {
            h2 { (title) }
            p .note { (why) }
            @if most == 0 {
                p .soft { (words.plot_empty) }
            } @else {
                table .bars { tbody { @for (name, class, value) in named {
                    tr {
                        th scope="row" { (name) }
                        td .wide {
                            svg viewBox={ "0 0 " (ROOM) " 10" } preserveAspectRatio="none"
                                height="10" aria-hidden="true" {
                                rect .(class) width=(value * ROOM / most) height="10" {}
                            }
                        }
                        td .number { (count(*value)) }
                        @if with_share { td .number.soft { (percent(*value, sum)) } }
                    }
                } } }
            }
        }
    }
}

/// A share, to a tenth of a percent.
fn percent(value: u64, sum: u64) -> String {
    let thousandths = (value * 1000 + sum / 2) / sum.max(1);
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_to_a_tenth() {
        assert_eq!(percent(1, 3), "33.3%");
        assert_eq!(percent(2, 3), "66.7%");
        assert_eq!(percent(3, 3), "100.0%");
        assert_eq!(percent(0, 0), "0.0%");
    }

    #[test]
    fn what_is_highest_fills_the_plot_and_what_is_there_is_seen() {
        assert_eq!(height(10, 10), HEIGHT - TOP - BOTTOM);
        assert_eq!(height(1, 1_000_000), 1);
        assert_eq!(height(0, 10), 0);
        assert_eq!(stacked(&[5, 0, 5, 0, 0], 10), [("r-created", 0, 70), ("r-merged", 70, 70)]);
    }

    #[test]
    fn large_numbers_are_shortened() {
        let cases = [(9_999, "9999"), (12_345, "12k"), (2_500_000, "2M")];
        for (value, expected) in cases {
            assert_eq!(short(value), expected);
        }
    }
}
