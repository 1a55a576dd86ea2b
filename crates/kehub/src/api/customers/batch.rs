//! `POST /api/customers/batch`.

use super::results::Results;
use super::rows::{Form, Splitter};
use super::upsert;
use crate::api::Call;
use crate::api::call::json_of;
use crate::api::problem::{Code, Problem};
use crate::server::problem::Problem as Around;
use axum::body::{Body, HttpBody as _};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::Response;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kehub_core::command::{Command, Idempotency, IdentitySent, Upsert};
use kehub_core::directory::Permission;
use kehub_core::limits::BATCH_MAX;
use kehub_core::outcome::Outcome;
use kehub_store::{Kept, Lane};
use tokio::time::{Instant, timeout_at};

/// Rows that may be kept together: they are decided in one go, and nobody else is served meanwhile.
const ATOMIC_ROWS_MAX: usize = 1_000;
/// Rows that are applied in one go: few enough that single requests do not wait for long.
const CHUNK_ROWS: usize = 250;
/// Rows of a batch that is served like a single request.
const INTERACTIVE_ROWS_MAX: usize = 50;

/// A row as it was read, with what tells it from others, or why it could not be read.
type Row = Result<(Upsert, Option<Idempotency>), Problem>;

/// Upsert many customers
///
/// Rows are what `POST /api/customers` takes, as a JSON array or one a line (`application/x-ndjson`);
/// without a content type the first byte tells. Each has a result of its own, in the same order,
/// and a bad row never spoils its neighbours. With `atomic=1` all rows are kept, or none.
#[utoipa::path(post, path = "/api/customers/batch", tag = "API customers")]
pub(crate) async fn api_customer_batch(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::CustomersWrite)?;
    let mut parameters = call.parameters();
    let (dry_run, atomic) = (parameters.dry_run(), parameters.flag("atomic"));
    parameters.end()?;
    // Before the request as a whole runs out of time, so that each row is told what became of it.
    let patience = call.hub().settings().request_timeout.mul_f32(0.9);
    let deadline = Instant::now() + patience;
    let rows_max = if atomic { ATOMIC_ROWS_MAX } else { BATCH_MAX };
    let reading = timeout_at(deadline, rows(&call, body, rows_max));
    let rows = reading.await.map_err(|_| Problem::from(Around::BodyBroken))??;
    let batch = Batch { call: &call, deadline, dry_run, results: results_of(&call) };
    if atomic || dry_run {
        batch.in_one_go(rows, atomic).await
    } else {
        batch.in_chunks(rows).await
    }
}

fn results_of(call: &Call) -> Results {
    let accepted = call.header(&ACCEPT).unwrap_or_default().split(',');
    let has_lines = accepted.into_iter().any(|media| Form::of_media(media) == Some(Form::Lines));
    let form = if has_lines { Form::Lines } else { Form::Array };
    Results::new(form, call.request_id())
}

/// Reads the rows while they arrive.
async fn rows(call: &Call, body: Body, rows_max: usize) -> Result<Vec<Row>, Problem> {
    let settings = call.hub().settings();
    let announced = usize::try_from(body.size_hint().lower());
    if announced.is_ok_and(|bytes| bytes > settings.batch_bytes_max) {
        return Err(Around::BodyTooLarge.into());
    }
    let form = call.header(&CONTENT_TYPE).and_then(Form::of_media);
    let mut splitter = Splitter::new(form);
    let mut rows = Vec::new();
    let mut take = |row: &[u8]| {
        if rows.len() == rows_max {
            let detail = format!("expected at most {rows_max} rows; nothing was applied");
            return Err(Problem::new(Code::RowsTooMany, detail));
        }
        rows.push(if row.len() > settings.body_bytes_max {
            Err(Problem::new(Code::BodyTooLarge, "the row alone is larger than a body may be"))
        } else {
            // A key stands for the whole batch, and for each row with its place.
            let key = call.idempotency_of_row(rows.len(), row)?;
            let upsert = json_of(row).and_then(|json| upsert::read(call, &json));
            upsert.map(|upsert| (upsert, key))
        });
        Ok(())
    };
    let mut body = Limited::new(body, settings.batch_bytes_max);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Problem::new(Code::BodyTooLarge, "nothing was applied")
            } else {
                Problem::from(Around::BodyBroken)
            }
        })?;
        if let Some(bytes) = frame.data_ref() {
            splitter.push(bytes, &mut take)?;
        }
    }
    splitter.end(&mut take)?;
    Ok(rows)
}

/// A batch that is being applied.
struct Batch<'a> {
    call: &'a Call,
    deadline: Instant,
    dry_run: bool,
    results: Results,
}

impl Batch<'_> {
    /// All rows at once: to be kept together, or to be tried.
    async fn in_one_go(mut self, rows: Vec<Row>, atomic: bool) -> Result<Response, Problem> {
        // One that cannot be read refuses all: the others are told what would have come.
        let is_readable = rows.iter().all(Result::is_ok);
        let kept = if self.dry_run || !is_readable { Kept::Nothing } else { Kept::Together };
        let is_bulk = rows.len() > INTERACTIVE_ROWS_MAX;
        if let Some(trouble) = self.apply(rows, is_bulk, kept).await {
            return Err(trouble);
        }
        if !atomic || !self.results.has_refused() {
            return Ok(self.results.answer(None));
        }
        let detail = "nothing was applied; the other rows tell what would have come";
        let problem = Problem::new(Code::BatchRefused, detail);
        Ok(self.results.answer(Some(problem)))
    }

    /// Some rows after the other, so that single requests get in between.
    async fn in_chunks(mut self, rows: Vec<Row>) -> Result<Response, Problem> {
        let is_bulk = rows.len() > INTERACTIVE_ROWS_MAX;
        let mut rows = rows.into_iter().peekable();
        let mut trouble = None;
        while trouble.is_none() && rows.peek().is_some() {
            let chunk = rows.by_ref().take(CHUNK_ROWS).collect();
            trouble = self.apply(chunk, is_bulk, Kept::Each).await;
        }
        let Some(trouble) = trouble else { return Ok(self.results.answer(None)) };
        if self.results.is_untouched() {
            return Err(trouble);
        }
        let not_reached = Problem::from(Around::NotApplied);
        for row in rows {
            self.results.not_done(row.as_ref().err().unwrap_or(&not_reached));
        }
        let detail = "what became of each row stands in `items`";
        let problem = Problem::new(Code::BatchInterrupted, detail);
        Ok(self.results.answer(Some(problem)))
    }

    /// Applies rows and writes down what came of each; gives the trouble it met, if any.
    async fn apply(&mut self, rows: Vec<Row>, is_bulk: bool, kept: Kept) -> Option<Problem> {
        let reads = self.call.reads();
        // What is answered in the sender's own words must outlive the command.
        let own = |(upsert, _): &(Upsert, _)| (!reads).then(|| upsert.identities.clone());
        let sent: Vec<Result<Option<Vec<IdentitySent>>, Problem>> =
            rows.iter().map(|row| row.as_ref().map(own).map_err(Problem::clone)).collect();
        // What is only tried looks at no key.
        let key = |key: Option<Idempotency>| key.filter(|_| kept != Kept::Nothing);
        let rows = rows.into_iter().flatten();
        let commands = rows.map(|(upsert, own)| (Command::Upsert(upsert), key(own))).collect();
        let outcomes = self.outcomes(commands, is_bulk, kept).await;
        let trouble = outcomes.as_ref().err().cloned();
        let outcomes = outcomes.unwrap_or_default();
        let refuses = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Refused(_)));
        let is_kept = kept == Kept::Each || (kept == Kept::Together && !refuses);
        let mut outcomes = outcomes.into_iter();
        for sent in sent {
            let resolution = match (&sent, &trouble) {
                (Err(problem), _) | (_, Some(problem)) => Err(problem.clone()),
                (Ok(_), None) => self.call.resolved(outcomes.next()),
            };
            if is_kept && trouble.is_none() {
                let result = resolution.as_ref().ok().map(|resolution| resolution.result);
                self.call.hub().count_upsert(self.call.app(), result);
            }
            match resolution {
                Ok(resolution) => {
                    let own = sent.ok().flatten();
                    self.results.done(&resolution, own.as_deref(), is_kept);
                }
                Err(problem) => self.results.not_done(&problem),
            }
        }
        trouble
    }

    async fn outcomes(
        &self,
        commands: Vec<(Command, Option<Idempotency>)>,
        is_bulk: bool,
        kept: Kept,
    ) -> Result<Vec<Outcome>, Problem> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        if Instant::now() >= self.deadline {
            return Err(Around::NotApplied.into());
        }
        let lane = if is_bulk { Lane::Bulk } else { Lane::Interactive };
        let applying = timeout_at(self.deadline, self.call.apply_rows(commands, lane, kept));
        applying.await.unwrap_or_else(|_| {
            let nothing = kept == Kept::Nothing;
            Err(if nothing { Around::NotApplied } else { Around::OutcomeUnknown }.into())
        })
    }
}
