//! `POST /api/imports`.

use super::arrival::{Arrived, arrive};
use super::{dry, list};
use crate::api::Call;
use crate::api::parameters::Parameters;
use crate::api::problem::{Code, Problem};
use crate::export::options::{self, UTC_OFFSET};
use crate::files::found_by::FoundBy;
use crate::files::job::{Said, Settings, Wishes, draw_holder};
use crate::files::mapping::{Choices, Mapping, MappingError};
use crate::files::source::{Form, ReadOptions, encoding_named};
use crate::imports;
use crate::server::problem::{Problem as Around, json};
use crate::wire::json as keys;
use axum::body::{Body, Bytes};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use kehub_core::command::Command;
use kehub_core::directory::Permission;
use kehub_core::import::{Hold, ImportChange, ImportOutcome, Plan};
use kehub_core::limits::TEXT_CHARS_MAX;
use kehub_core::outcome::Outcome;
use kehub_core::policy::OnConflict;

/// Among how many earlier imports is looked for one of the same source or headings.
const REMEMBERED_MAX: usize = 200;
/// What parts the values of CSV.
const DELIMITER: &str = "one ASCII character that is no letter, digit or quote, or `tab`";
/// Headings that are told where none is known.
const HEADINGS_SHOWN_MAX: usize = 10;
/// What a file is called that nobody has named.
const UNNAMED: &str = "upload";

/// Import a file
///
/// CSV, XLSX or NDJSON, also packed, as it is or as the part `file` of a form: told by its bytes, as
/// `kehub import` does. Each row is an upsert. The answer comes when all of the file has arrived; it is
/// then brought in beside other requests, after the files that came before it. The same file, asked for in
/// the same way, goes on with an import that has not ended. With `dryRun` the answer says what the columns
/// are taken for, and what would come of the rows, each decided as if all before it had been applied; it
/// comes when all are decided, and nothing is kept. A hub makes a few such looks and exports at a time, and is
/// `busy` for others.
#[utoipa::path(post, path = "/api/imports", tag = "API imports")]
pub(crate) async fn api_import_create(call: Call, body: Body) -> Result<Response, Problem> {
    call.require(Permission::CustomersWrite)?;
    let mut parameters = call.parameters();
    let asked = Asked::read(&mut parameters);
    parameters.end()?;
    let Arrived { received, name, mapping: sent } = arrive(&call, body).await?;
    let named = asked.source.or_else(|| name.map(|name| shortened(&name)));
    let source = named.unwrap_or_else(|| UNNAMED.to_owned());
    let mut wishes = asked.wishes;
    for text in [sent.as_deref(), asked.mapping.as_deref().map(str::as_bytes)].into_iter().flatten()
    {
        wishes.choices.add_file(text).map_err(|error| unmapped(&error))?;
    }
    let before = call.store().imports(call.tenant(), None, REMEMBERED_MAX).await?.into();
    let (now, is_new) = (wishes.choices, asked.new_mapping);
    let said = Said { before, source: source.clone(), now, is_new };
    let file = call.hub().spool().file(&received.name);
    let choices = said.clone();
    let choices = move |headings: &[String]| choices.choices(headings);
    let opened =
        imports::open(&file, &wishes.read, choices).await.map_err(|error| unfit(&error))?;
    let headings = &opened.first.columns;
    wishes.choices = said.choices(headings);
    let is_lines = opened.form == Form::Lines;
    let mapping = Mapping::new(headings, wishes.choices.clone(), is_lines);
    let mapping = mapping.map_err(|error| unmapped(&error))?;
    if !mapping.says_something() && !is_lines {
        return Err(unlabelled(headings));
    }
    if asked.dry_run {
        let clean = wishes.clean(source, opened.form);
        return Ok(json(StatusCode::OK, &dry::look(&call, opened, mapping, clean).await?));
    }
    let settings = Settings::of(&wishes, &mapping).text().map_err(|_| Around::Internal)?;
    let plan = Plan {
        source: source.into(),
        content: Some(received.content),
        settings,
        spool: Some(received.name.as_str().into()),
    };
    let holder = draw_holder().map_err(|_| Around::Internal)?;
    // It waits for its turn.
    let hold = Hold { holder, until: call.now() };
    call.stand_for_body(Bytes::copy_from_slice(&received.content.hash));
    let begin = ImportChange::Begin { plan, hold, again: asked.again };
    let Outcome::Import(outcome) = call.apply(Command::Import(begin), false).await? else {
        return Err(Problem::unexpected());
    };
    let (ImportOutcome::Begun(import) | ImportOutcome::Stands(import)) = outcome else {
        // The same request came before, and what it began was forgotten since.
        return Err(list::missing());
    };
    // An answer that is given again is about the file that came before.
    if import.plan.spool.as_deref() == Some(&*received.name) {
        received.keep();
    }
    call.hub().imports_changed().notify_one();
    let mut response = json(StatusCode::ACCEPTED, &list::body(&call, &import));
    let place = HeaderValue::try_from(format!("/api/imports/{}", import.id));
    response.headers_mut().insert(LOCATION, place.map_err(|_| Problem::unexpected())?);
    Ok(response)
}

/// What the address asks for.
struct Asked {
    dry_run: bool,
    again: bool,
    new_mapping: bool,
    source: Option<String>,
    mapping: Option<String>,
    wishes: Wishes,
}

impl Asked {
    fn read(parameters: &mut Parameters) -> Asked {
        let source = parameters.parsed("source", "a name of at most 255 characters", |text| {
            let fits = !text.trim().is_empty() && text.chars().count() <= TEXT_CHARS_MAX;
            fits.then(|| text.trim().to_owned())
        });
        let on_conflict =
            parameters.parsed("onConflict", "merge, keep or reject", OnConflict::named);
        let found_by = found_by(parameters).unwrap_or_default();
        let mut choices = Choices::default();
        if found_by.id {
            choices.match_by_id();
        }
        let zone = |text: &str| options::utc_offset(text).map(|_| text.replacen(' ', "+", 1));
        let utc_offset = parameters.parsed("utcOffset", UTC_OFFSET, zone);
        let encoding = parameters
            .parsed("encoding", "a name such as gb18030", |text| encoding_named(text).ok());
        let delimiter = parameters.parsed("delimiter", DELIMITER, |text| {
            options::delimiter(text).filter(|it| !it.is_ascii_alphanumeric())
        });
        Asked {
            dry_run: parameters.dry_run(),
            again: parameters.flag("again"),
            new_mapping: parameters.flag("newMapping"),
            source,
            mapping: parameters.text("mapping"),
            wishes: Wishes {
                choices,
                read: ReadOptions { delimiter, encoding, sheet: parameters.text("sheet") },
                utc_offset: utc_offset.unwrap_or_else(|| "Z".to_owned()),
                on_conflict,
                matching: found_by.matching(),
                raw: parameters.flag("raw"),
                skip: 0,
            },
        }
    }
}

/// By what rows find their customers, if that is said.
fn found_by(parameters: &mut Parameters) -> Option<FoundBy> {
    let text = parameters.text("match")?;
    let found_by = FoundBy::named(&text);
    if let Err(problem) = &found_by {
        parameters.unfit("match", &problem.expected, &problem.found);
    }
    found_by.ok()
}

/// A name that a sender gave to a file, as far as it fits.
fn shortened(name: &str) -> String {
    name.chars().take(TEXT_CHARS_MAX).collect()
}

pub(super) fn unfit(error: &impl ToString) -> Problem {
    Problem::new(Code::FileUnfit, error.to_string())
}

/// A table that says nothing, by the first of its headings.
fn unlabelled(headings: &[String]) -> Problem {
    let shown = headings.iter().take(HEADINGS_SHOWN_MAX);
    let shown: Vec<_> = shown.map(|heading| format!("`{}`", keys::shortened(heading))).collect();
    let rest = if headings.len() > HEADINGS_SHOWN_MAX { ", …" } else { "" };
    unfit(&format!(
        "expected a column with a known label, found {}{rest}: say in `mapping` what they are",
        shown.join(", ")
    ))
}

fn unmapped(error: &MappingError) -> Problem {
    if let MappingError::TargetTwice { one, other, target } = error {
        let detail = format!(
            "columns #{one} and #{other} both are `{target}`: leave one out, such as with \
             {{\"#{other}\": \"-\"}} in `mapping`"
        );
        return Problem::new(Code::FileUnfit, detail);
    }
    unfit(error)
}
