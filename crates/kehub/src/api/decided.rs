//! What people decide, done and told: the outcome without content.

use super::{Call, Problem};
use kehub_core::command::Command;
use kehub_core::outcome::Outcome;
use kehub_core::receipt::Remembered;

/// Applies a decision; what came of it, in numbers and whole.
pub(crate) async fn decide(
    call: &Call,
    command: Command,
    dry_run: bool,
) -> Result<(Remembered, Outcome), Problem> {
    let outcome = call.apply(command, dry_run).await?;
    let told = Remembered::of(&outcome).ok_or_else(Problem::unexpected)?;
    Ok((told, outcome))
}
