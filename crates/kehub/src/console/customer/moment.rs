//! The moment that is looked at: a time, or a step in the life of the customer.

use super::Seen;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::console::show::{moment, zone};
use crate::console::visitor::Visitor;
use crate::console::words::fill;
use crate::wire::query::Query;
use crate::wire::time;
use kehub_core::history::{Moment, Version};
use kehub_core::misfit::{Expected, Found};
use kehub_core::{Micros, Seq};
use maud::{Markup, html};

/// What the address of a customer asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) moment: Moment,
    /// How many of the steps had been taken by then.
    pub(super) step: usize,
    /// Whether all steps are told.
    pub(super) is_all: bool,
}

impl Asked {
    /// Reads the address; what does not fit is a problem.
    pub(super) fn read(visitor: &Visitor, versions: &[Version]) -> Result<Asked, Problem> {
        let mut moment = Moment::Now;
        let mut is_all = false;
        let mut parameters = Parameters::given(Vec::new());
        let decoded = Query::new(visitor.call.query()).decoded();
        for (name, value) in decoded.filter_map(|(name, value)| Some((name?, value?))) {
            let offset = visitor.look.offset_seconds;
            match name.as_str() {
                "asOf" if value.is_empty() => (),
                "asOf" => match local(&value, offset) {
                    Some(at) => moment = Moment::Time(at),
                    None => parameters.unfit("asOf", Expected::LocalTime, Found::OtherText),
                },
                "seq" => match value.parse() {
                    Ok(seq) => moment = Moment::Seq(Seq(seq)),
                    Err(_) => parameters.unfit("seq", Expected::EntryNumber, Found::OtherText),
                },
                "step" => match value.parse::<usize>().ok().filter(|step| *step > 0) {
                    Some(step) if step < versions.len() => {
                        let version = versions.get(step - 1);
                        moment = version.map_or(Moment::Now, |it| Moment::Seq(it.entry.seq));
                    }
                    Some(_) => moment = Moment::Now,
                    None => parameters.unfit("step", Expected::CountFromOne, Found::OtherText),
                },
                "steps" => is_all = value == "all",
                // Whatever else an address carries is no reason to show nothing.
                _ => (),
            }
        }
        parameters.end()?;
        let taken = |version: &&Version| match moment {
            Moment::Now => true,
            Moment::Time(at) => version.entry.at <= at,
            Moment::Seq(seq) => version.entry.seq <= seq,
        };
        let step = versions.iter().filter(taken).count();
        Ok(Asked { moment, step, is_all })
    }
}

/// A moment as a field for local times writes it: to the minute or the second, without an offset.
fn local(text: &str, offset_seconds: i32) -> Option<Micros> {
    let whole = match text.len() {
        16 => format!("{text}:00Z"),
        _ => format!("{text}Z"),
    };
    Some(time::parse(&whole)? - i64::from(offset_seconds) * 1_000_000)
}

/// The fields that choose a moment.
pub(super) fn chooser(seen: &Seen<'_>) -> Markup {
    let words = seen.shower.words();
    let offset = seen.shower.look.offset_seconds;
    let shown = match seen.asked.moment {
        Moment::Now => None,
        Moment::Time(at) => Some(at),
        Moment::Seq(seq) => {
            let entry = seen.versions.iter().rfind(|version| version.entry.seq <= seq);
            entry.map(|version| version.entry.at)
        }
    };
    let steps = seen.versions.len();
    let field = shown.map(|at| moment(at, offset).replace(' ', "T"));
    let address = format!("/console/customers/{}", seen.id);
    let moments: Vec<String> =
        seen.versions.iter().map(|version| moment(version.entry.at, offset)).collect();
    html! {
        section .moment aria-label=(words.as_of) {
            form action=(address) .inline {
                label { (words.as_of) " "
                    input type="datetime-local" name="asOf" step="1" value=[field]
                        aria-label={ (words.as_of) " (" (zone(offset)) ")" };
                }
                span .soft { (zone(offset)) }
                button .button { (words.as_of_go) }
            }
            @if steps > 1 {
                form action=(address) .inline .grow {
                    input #step type="range" name="step" min="1" max=(steps)
                        value=(seen.asked.step.max(1)) data-moments=(moments.join("|"))
                        aria-label=(words.as_of);
                    output .soft for="step" {
                        (fill(words.as_of_step, &[&seen.asked.step.to_string(), &steps.to_string()]))
                    }
                    button .button.no-script { (words.as_of_go) }
                }
            }
            @if let Some(at) = shown {
                p .alert.info role="status" {
                    (fill(words.as_of_shown, &[&format!("{} {}", moment(at, offset), zone(offset))])) " "
                    a href=(address) { (words.as_of_now) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_time_is_read_where_somebody_looks() {
        let at = 1_777_856_520_000_000;
        assert_eq!(local("2026-05-04T01:02", 0), Some(at));
        assert_eq!(local("2026-05-04T09:02:00", 8 * 3600), Some(at));
        assert_eq!(local("2026-05-04", 0), None);
        assert_eq!(local("soon", 0), None);
    }
}
