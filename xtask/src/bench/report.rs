//! What a run gives to print, to keep and to draw.

use crate::load::usage::{Usage, machine};
use crate::root;
use anyhow::{Context as _, Result};
use plotters::prelude::*;
use serde::Serialize;
use serde_json::json;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

/// One measurement of one contender.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Round {
    pub(super) per_second: f64,
    /// What one item took of the machine, on average.
    #[serde(flatten)]
    pub(super) each: Option<Usage>,
}

impl Round {
    /// Of so many items, for which all of this was used.
    pub(super) fn new(per_second: f64, items: u64, used: Option<Usage>) -> Round {
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "far below 2^53")]
        let items = items.max(1) as f64;
        let each = used.map(|used| Usage {
            server_seconds: used.server_seconds / items,
            client_seconds: used.client_seconds / items,
            written_bytes: used.written_bytes / items,
        });
        Round { per_second, each }
    }
}

/// A contender and its rounds.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) rounds: Vec<Round>,
}

impl Line {
    /// The median of what a round tells, if any does.
    fn median(&self, of: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(of))
    }

    fn per_second(&self) -> Option<f64> {
        self.median(|round| Some(round.per_second))
    }
}

/// The middle one; the mean of both where there are two.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get(values.len().saturating_sub(1) / 2)?;
    Some((upper + lower) / 2.0)
}

/// All contenders of a run, which took turns. What comes behind a dash in a name is what is asked for;
/// nothing is single upserts.
#[derive(Debug)]
pub(super) struct Contest {
    pub(super) lines: Vec<Line>,
    /// Those that the others are compared with, where these are asked for the same.
    pub(super) against: Vec<String>,
}

/// What a contender of this name is compared with, if this one is there.
fn counterpart(name: &str, other: &str) -> String {
    match name.split_once('-') {
        // However they come, they are upserts.
        None | Some((_, "batch" | "engine")) => other.to_owned(),
        Some((_, asked)) => format!("{other}-{asked}"),
    }
}

impl Contest {
    fn rate_of(&self, name: &str) -> Option<f64> {
        self.lines.iter().find(|line| line.name == name)?.per_second()
    }

    pub(super) fn draw(&self, file: &Path) -> Result<()> {
        let bars: Vec<(&str, f64)> =
            self.lines.iter().filter_map(|line| Some((&*line.name, line.per_second()?))).collect();
        bars_drawn(file, "Upserts and look-ups a second, medians", &bars)
    }
}

impl fmt::Display for Contest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let against = self.against.iter().filter(|name| self.rate_of(name).is_some());
        let against: Vec<&String> = against.collect();
        write!(f, "| contender | per second | of each round |")?;
        for name in &against {
            write!(f, " × {name} |")?;
        }
        writeln!(f, " server µs each | client µs each | written each |")?;
        writeln!(
            f,
            "| --- | ---: | --- |{} ---: | ---: | ---: |",
            " ---: |".repeat(against.len())
        )?;
        for line in &self.lines {
            let Some(rate) = line.per_second() else { continue };
            let rounds = line.rounds.iter().map(|round| format!("{:.0}", round.per_second));
            let rounds = rounds.collect::<Vec<_>>().join(", ");
            write!(f, "| {} | {rate:.0} | {rounds} |", line.name)?;
            for other in &against {
                match self.rate_of(&counterpart(&line.name, other)) {
                    Some(other) => write!(f, " {:.2} |", rate / other)?,
                    None => f.write_str(" – |")?,
                }
            }
            let each = |of: fn(&Usage) -> f64| {
                let told = line.median(|round| round.each.as_ref().map(of));
                told.map_or_else(|| "–".to_owned(), |told| format!("{told:.0}"))
            };
            let server = each(|it| it.server_seconds * 1e6);
            let client = each(|it| it.client_seconds * 1e6);
            let written = each(|it| it.written_bytes);
            writeln!(f, " {server} | {client} | {written} |")?;
        }
        Ok(())
    }
}

/// Where, when and from what something was measured.
#[derive(Debug, Serialize)]
pub(super) struct Origin {
    machine: String,
    commit: String,
    command: String,
}

impl Origin {
    pub(super) fn told() -> Origin {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let arguments = hidden(arguments).join(" ");
        Origin { machine: machine(), commit: commit(), command: format!("cargo xtask {arguments}") }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { machine, commit, command } = self;
        writeln!(f, "`{command}`")?;
        writeln!(f)?;
        writeln!(f, "{machine}; commit {commit}.")
    }
}

/// An address may hold a password.
fn hidden(arguments: Vec<String>) -> Vec<String> {
    let address = |text: &str| text.contains("://");
    arguments.into_iter().map(|it| if address(&it) { "…".to_owned() } else { it }).collect()
}

/// The commit that is measured, and whether something in the folder differs from it.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(root()).output().ok()?;
        let told = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| told.trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let is_clean = git(&["status", "--porcelain"]).is_some_and(|told| told.is_empty());
    if is_clean { commit } else { format!("{commit} and changes") }
}

/// Keeps a result beside its picture.
pub(super) fn keep(
    folder: &Path,
    name: &str,
    origin: &Origin,
    result: &impl Serialize,
) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let told = json!({ "origin": origin, "result": result });
    let text = serde_json::to_string_pretty(&told)? + "\n";
    Ok(fs::write(folder.join(format!("{name}.json")), text)?)
}

fn bars_drawn(file: &Path, title: &str, bars: &[(&str, f64)]) -> Result<()> {
    let height = 70 + 30 * u32::try_from(bars.len())?;
    let most = bars.iter().map(|(_, value)| *value).fold(1.0, f64::max);
    let area = SVGBackend::new(file, (760, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let text = ("sans-serif", 15).into_font().color(&BLACK);
    let head = ("sans-serif", 17).into_font().color(&BLACK);
    area.draw(&Text::new(title.to_owned(), (16, 16), head))?;
    for (row, (name, value)) in bars.iter().enumerate() {
        let top = 52 + 30 * i32::try_from(row)?;
        #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "below 440")]
        let width = (value / most * 440.0).round() as i32;
        let bar = Rectangle::new([(200, top), (200 + width.max(1), top + 20)], BAR.filled());
        area.draw(&bar)?;
        let name = Text::new((*name).to_owned(), (16, top + 3), text.clone());
        area.draw(&name)?;
        let told = Text::new(format!("{value:.0}"), (210 + width, top + 3), text.clone());
        area.draw(&told)?;
    }
    Ok(area.present()?)
}

const BAR: RGBColor = RGBColor(58, 110, 165);
const LINE: RGBColor = RGBColor(190, 70, 50);

/// Lines over one course of time, drawn above or below others.
#[derive(Debug)]
pub(super) struct Panel {
    /// What the values are.
    pub(super) unit: &'static str,
    pub(super) lines: Vec<(&'static str, Vec<(f64, f64)>)>,
}

impl Panel {
    /// What each second of an open loop was like: half, 99 of 100, and all of the requests were faster.
    /// Time is told in so many seconds.
    pub(super) fn of_course(course: &[(u32, u32)], seconds: f64) -> Panel {
        let told = by_second(course);
        let line = |place: usize| {
            let point = |at: u32, second: &[f64; 3]| {
                (f64::from(at) / seconds, second.get(place).copied().unwrap_or_default())
            };
            (0..).zip(&told).map(|(at, second)| point(at, second)).collect()
        };
        let lines = vec![("p50", line(0)), ("p99", line(1)), ("max", line(2))];
        Panel { unit: "milliseconds", lines }
    }
}

/// Draws panels below each other. Values are told by powers of ten.
pub(super) fn panels_drawn(file: &Path, title: &str, time: &str, panels: &[Panel]) -> Result<()> {
    let height = 60 + 260 * u32::try_from(panels.len())?;
    let area = SVGBackend::new(file, (760, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let area = area.titled(title, ("sans-serif", 17))?;
    for (panel, area) in panels.iter().zip(area.split_evenly((panels.len(), 1))) {
        let points = || panel.lines.iter().flat_map(|(_, line)| line);
        let most = points().map(|(_, value)| *value).fold(1.0, f64::max);
        let lowest = points().map(|(_, value)| *value).fold(most, f64::min).max(0.1);
        let last = points().map(|(at, _)| *at).fold(0.0, f64::max);
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..last, (lowest / 1.5..most * 1.5).log_scale())?;
        chart.configure_mesh().x_desc(time).y_desc(panel.unit).draw()?;
        for ((label, line), color) in panel.lines.iter().zip([BAR, BLACK, LINE]) {
            let drawn = chart.draw_series(LineSeries::new(line.iter().copied(), &color));
            let series = drawn?.label(*label);
            series.legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color));
        }
        let mut labels = chart.configure_series_labels();
        labels.position(SeriesLabelPosition::LowerRight);
        labels.background_style(WHITE).border_style(BLACK).draw()?;
    }
    Ok(area.present()?)
}

/// Milliseconds of the requests of each second: median, 99th percentile, largest.
fn by_second(course: &[(u32, u32)]) -> Vec<[f64; 3]> {
    let last = course.iter().map(|(second, _)| *second).max();
    let count = last.map_or(0, |last| usize::try_from(last).unwrap_or_default() + 1);
    let mut seconds: Vec<Vec<u32>> = vec![Vec::new(); count];
    for (second, micros) in course {
        let place = usize::try_from(*second).unwrap_or_default();
        if let Some(second) = seconds.get_mut(place) {
            second.push(*micros);
        }
    }
    let told = |times: &mut Vec<u32>| {
        times.sort_unstable();
        [500, 990, 1000].map(|share| quantile(times, share))
    };
    seconds.iter_mut().map(told).collect()
}

/// How many milliseconds so many of a thousand did not exceed, of microseconds in order; 0 of none.
pub(super) fn quantile(sorted: &[u32], thousandths: usize) -> f64 {
    let place = (sorted.len() * thousandths / 1000).min(sorted.len().saturating_sub(1));
    millis(u64::from(sorted.get(place).copied().unwrap_or_default()))
}

pub(super) fn millis(micros: u64) -> f64 {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "far below 2^53")]
    let micros = micros as f64;
    micros / 1000.0
}

pub(super) fn mebi(bytes: f64) -> f64 {
    bytes / 1024.0 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::{Contest, Line, Panel, Round, bars_drawn, by_second, hidden, median, panels_drawn};
    use crate::load::usage::Usage;

    fn line(name: &str, rates: &[f64]) -> Line {
        let used = Usage { server_seconds: 1.0, client_seconds: 0.5, written_bytes: 2e6 };
        let round = |rate: &f64| Round::new(*rate, 10_000, Some(used));
        Line { name: name.to_owned(), rounds: rates.iter().map(round).collect() }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([3.0, 1.0].into_iter()), Some(2.0));
        assert_eq!(median(std::iter::empty()), None);
    }

    #[test]
    fn contenders_are_compared_by_their_medians() {
        let lines = vec![line("one", &[300.0, 100.0, 200.0]), line("other", &[100.0])];
        let told = Contest { lines, against: vec!["other".into(), "absent".into()] }.to_string();
        let rows: Vec<&str> = told.lines().collect();
        assert_eq!(rows[0].matches('×').count(), 1);
        assert_eq!(rows[2], "| one | 200 | 300, 100, 200 | 2.00 | 100 | 50 | 200 |");
    }

    #[test]
    fn look_ups_are_compared_with_look_ups() {
        let lines = vec![
            line("one-get", &[50.0]),
            line("one-batch", &[40.0]),
            line("other", &[80.0]),
            line("other-get", &[100.0]),
            line("third", &[10.0]),
        ];
        let against = vec!["other".into(), "third".into()];
        let told = Contest { lines, against }.to_string();
        let rows: Vec<&str> = told.lines().skip(2).collect();
        assert!(rows[0].contains("| 50 | 0.50 | – |"), "{}", rows[0]);
        assert!(rows[1].contains("| 40 | 0.50 | 4.00 |"), "{}", rows[1]);
    }

    #[test]
    fn each_second_of_a_course_is_told() {
        let mut course: Vec<(u32, u32)> = (1..=100).map(|milli| (0, milli * 1000)).collect();
        course.push((2, 7000));
        assert_eq!(by_second(&course), [[51.0, 100.0, 100.0], [0.0; 3], [7.0; 3]]);
        assert!(by_second(&[]).is_empty());
    }

    #[test]
    fn pictures_show_names_and_figures() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bars.svg");
        bars_drawn(&file, "Title", &[("one", 12.0), ("other", 3.0)]).unwrap();
        let svg = std::fs::read_to_string(&file).unwrap();
        assert!(["Title", "one", "other", "12"].iter().all(|text| svg.contains(text)), "{svg}");
        let file = folder.path().join("course.svg");
        let panel = Panel::of_course(&[(0, 1000), (1, 2000)], 1.0);
        panels_drawn(&file, "Course", "seconds", &[panel]).unwrap();
        let svg = std::fs::read_to_string(&file).unwrap();
        assert!(["Course", "p99", "seconds"].iter().all(|text| svg.contains(text)), "{svg}");
    }

    #[test]
    fn an_address_is_not_kept() {
        let told = hidden(vec!["--server".into(), "postgres://me:secret@host/db".into()]);
        assert_eq!(told, ["--server", "…"]);
    }
}
