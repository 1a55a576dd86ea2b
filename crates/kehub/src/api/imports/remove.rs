//! `DELETE /api/imports/{id}`.

use super::body::report;
use super::list::{body, known};
use crate::api::Call;
use crate::api::problem::Problem;
use crate::imports::spool;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use kehub_core::command::Command;
use kehub_core::directory::Permission;
use kehub_core::import::{Import, ImportChange, ImportOutcome, State};
use kehub_core::outcome::Outcome;
use tracing::warn;

/// End an import, or forget it
///
/// One that is waiting, running or interrupted ends after the batch under way: the answer is 202, and
/// what was applied stays. One that has ended is forgotten, and the file of its refused rows is removed:
/// the answer is 204.
#[utoipa::path(delete, path = "/api/imports/{id}", tag = "API imports")]
pub(crate) async fn api_import_delete(call: Call) -> Result<Response, Problem> {
    call.require(Permission::CustomersWrite)?;
    let dry_run = call.dry_run()?;
    let import = known(&call).await?;
    Ok(match remove(&call, &import, dry_run).await? {
        Some(import) => json(StatusCode::ACCEPTED, &body(&call, &import)),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Ends an import, or forgets one that has ended, with its files: then nothing.
pub(crate) async fn remove(
    call: &Call,
    import: &Import,
    dry_run: bool,
) -> Result<Option<Box<Import>>, Problem> {
    let change = match import.state {
        State::Running | State::Interrupted => ImportChange::Cancel(import.id),
        State::Done | State::Failed | State::Cancelled => ImportChange::Forget(import.id),
    };
    let outcome = call.apply(Command::Import(change), dry_run).await?;
    let Outcome::Import(outcome) = outcome else { return Err(Problem::unexpected()) };
    match outcome {
        ImportOutcome::Begun(import) | ImportOutcome::Stands(import) => {
            call.hub().imports_changed().notify_one();
            Ok(Some(import))
        }
        ImportOutcome::Forgotten(_) => {
            let spool = call.hub().spool();
            let files = report(import, spool).map(ToOwned::to_owned).into_iter();
            let files = files.chain(import.plan.spool.as_deref().map(|name| spool.file(name)));
            for file in files.filter(|_| !dry_run) {
                if let Err(error) = spool::remove(&file) {
                    warn!(%error, "a file of an import cannot be removed");
                }
            }
            Ok(None)
        }
    }
}
