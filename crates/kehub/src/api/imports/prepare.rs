//! What a file is asked to be brought in as, and the import that begins of it: the same for `/api` and for
//! the console.

use super::list;
use crate::api::Call;
use crate::api::parameters::Parameters;
use crate::api::problem::{Code, Problem};
use crate::export::options;
use crate::files::found_by::FoundBy;
use crate::files::headings::HeaderRow;
use crate::files::job::{Settings, Wishes, draw_holder};
use crate::files::mapping::{Choices, Mapping, MappingError};
use crate::files::source::{ReadOptions, encoding_named};
use crate::imports::LooksTaken;
use crate::server::problem::Problem as Around;
use crate::wire::json as keys;
use kehub_core::command::Command;
use kehub_core::import::{Content, Hold, Import, ImportChange, ImportOutcome, Plan};
use kehub_core::limits::TEXT_CHARS_MAX;
use kehub_core::misfit::{Expected, counted};
use kehub_core::outcome::Outcome;
use kehub_core::policy::OnConflict;

/// Among how many earlier imports is looked for one of the same source or headings.
pub(crate) const REMEMBERED_MAX: usize = 200;
/// Headings that are told where none is known.
const HEADINGS_SHOWN_MAX: usize = 10;

/// A file that lies in the spool, and how it is to be brought in.
pub(crate) struct Ready<'a> {
    pub(crate) source: String,
    /// What it is called in the spool.
    pub(crate) name: &'a str,
    pub(crate) content: Content,
    pub(crate) wishes: &'a Wishes,
    pub(crate) mapping: &'a Mapping,
    pub(crate) again: bool,
}

/// Begins an import, or goes on with one of the same file that was asked for in the same way. It has its
/// turn when those before it are done.
pub(crate) async fn begin(call: &Call, ready: Ready<'_>) -> Result<Box<Import>, Problem> {
    let Ready { source, name, content, wishes, mapping, again } = ready;
    let settings = Settings::of(wishes, mapping).text().map_err(|_| Around::Internal)?;
    let (source, content, spool) = (source.into(), Some(content), Some(name.into()));
    let plan = Plan { source, content, settings, spool };
    let holder = draw_holder().map_err(|_| Around::Internal)?;
    // It waits for its turn.
    let hold = Hold { holder, until: call.now() };
    let begin = ImportChange::Begin { plan, hold, again };
    let Outcome::Import(outcome) = call.apply(Command::Import(begin), false).await? else {
        return Err(Problem::unexpected());
    };
    let (ImportOutcome::Begun(import) | ImportOutcome::Stands(import)) = outcome else {
        // The same request came before, and what it began was forgotten since.
        return Err(list::missing());
    };
    call.hub().imports_changed().notify_one();
    Ok(import)
}

/// What an address or a form asks for.
pub(crate) struct Asked {
    pub(crate) dry_run: bool,
    pub(crate) again: bool,
    pub(crate) new_mapping: bool,
    pub(crate) source: Option<String>,
    pub(crate) mapping: Option<String>,
    pub(crate) wishes: Wishes,
}

impl Asked {
    pub(crate) fn read(parameters: &mut Parameters) -> Asked {
        let name = Expected::NameOfChars(counted(TEXT_CHARS_MAX));
        let source = parameters.parsed("source", name, |text| {
            let fits = !text.trim().is_empty() && text.chars().count() <= TEXT_CHARS_MAX;
            fits.then(|| text.trim().to_owned())
        });
        let on_conflict = parameters.parsed("onConflict", Expected::OnConflict, OnConflict::named);
        let found_by = found_by(parameters).unwrap_or_default();
        let mut choices = Choices::default();
        if found_by.id {
            choices.match_by_id();
        }
        let zone = |text: &str| options::utc_offset(text).map(|_| text.replacen(' ', "+", 1));
        let utc_offset = parameters.parsed("utcOffset", Expected::UtcOffset, zone);
        let encoding =
            parameters.parsed("encoding", Expected::EncodingName, |text| encoding_named(text).ok());
        let delimiter = parameters.parsed("delimiter", Expected::Delimiter, |text| {
            options::delimiter(text).filter(|it| !it.is_ascii_alphanumeric())
        });
        let line = |text: &str| text.trim().parse().ok().filter(|line| *line > 0);
        let header = parameters.parsed("headerRow", Expected::CountFromOne, line);
        Asked {
            dry_run: parameters.dry_run(),
            again: parameters.flag("again"),
            new_mapping: parameters.flag("newMapping"),
            source,
            mapping: parameters.text("mapping"),
            wishes: Wishes {
                choices,
                read: ReadOptions {
                    delimiter,
                    encoding,
                    sheet: parameters.text("sheet"),
                    header: header.map_or(HeaderRow::Sought, HeaderRow::At),
                },
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
        parameters.misfit("match", problem);
    }
    found_by.ok()
}

/// A name that a sender gave to a file, as far as it fits.
pub(crate) fn shortened(name: &str) -> String {
    name.chars().take(TEXT_CHARS_MAX).collect()
}

/// Too many look at files. The file that came is not kept.
impl From<LooksTaken> for Problem {
    fn from(_: LooksTaken) -> Problem {
        let told = "the hub looks at as many files as it may: nothing was kept, send it again after the \
                    seconds in the header `Retry-After`";
        Problem::new(Code::Busy, told)
    }
}

pub(crate) fn unfit(error: &impl ToString) -> Problem {
    Problem::new(Code::FileUnfit, error.to_string())
}

/// A table that says nothing, by the first of its headings.
pub(super) fn unlabelled(headings: &[String]) -> Problem {
    let shown = headings.iter().take(HEADINGS_SHOWN_MAX);
    let shown: Vec<_> = shown.map(|heading| format!("`{}`", keys::shortened(heading))).collect();
    let rest = if headings.len() > HEADINGS_SHOWN_MAX { ", …" } else { "" };
    unfit(&format!(
        "expected a column with a known label, found {}{rest}: say in `mapping` what they are, or in \
         `headerRow` in which line the headings stand",
        shown.join(", ")
    ))
}

pub(super) fn unmapped(error: &MappingError) -> Problem {
    if let MappingError::TargetTwice { one, other, target } = error {
        let detail = format!(
            "columns #{one} and #{other} both are `{target}`: leave one out, such as with \
             {{\"#{other}\": \"-\"}} in `mapping`"
        );
        return Problem::new(Code::FileUnfit, detail);
    }
    unfit(error)
}
