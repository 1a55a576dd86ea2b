//! What a run gives to print.

use std::fmt;

/// Upserts per second of one round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    pub(super) function: f64,
    pub(super) engine: f64,
    /// Through a server, if that was asked for.
    pub(super) http: Option<f64>,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Round { function, engine, http } = self;
        write!(f, "function {function:.0}/s, engine {engine:.0}/s ({:.1} x)", engine / function)?;
        let Some(http) = http else { return Ok(()) };
        write!(f, ", over HTTP {http:.0}/s ({:.1} x)", http / function)
    }
}

/// A finished run.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) rounds: Vec<Round>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = &self.rounds;
        let function = median(rounds.iter().map(|round| round.function));
        let engine = median(rounds.iter().map(|round| round.engine));
        let http = median(rounds.iter().filter_map(|round| round.http));
        let medians =
            function.zip(engine).map(|(function, engine)| Round { function, engine, http });
        match medians {
            Some(medians) => write!(f, "medians: {medians}"),
            None => f.write_str("nothing was measured"),
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
