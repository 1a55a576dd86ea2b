//! The file itself: whose it is, whether it is still there, and what it turns out to be.

use super::asked::{Asked, Pick};
use super::chosen::{Chosen, choose};
use super::permitted;
use super::ticket::Ticket;
use crate::api::imports::prepare::{REMEMBERED_MAX, unfit};
use crate::api::problem::{Code, Problem};
use crate::console::visitor::Visitor;
use crate::files::headings::Sayings;
use crate::files::job::Wishes;
use crate::files::mapping::{Choices, MappingError};
use crate::files::names::Names;
use crate::files::remembered::{Remembered, Said};
use crate::files::rows::Chunk;
use crate::files::source::{Form, ReadOptions};
use crate::imports::{self, Look, LooksTaken, Opened};
use crate::server::problem::Problem as Around;
use encoding_rs::Encoding;
use kehub_core::ImportId;
use kehub_core::import::Import;
use kehub_core::policy::Policy;
use kehub_store::StoreError;
use std::collections::BTreeMap;
use std::path::Path;

/// Why there is no page of a file.
pub(super) enum Trouble {
    /// There is no such file, or it is somebody else's.
    Gone,
    /// It is brought in already.
    Begun(ImportId),
    /// Too many look at files.
    Busy,
    Problem(Problem),
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Trouble {
        Trouble::Problem(problem)
    }
}

impl From<Around> for Trouble {
    fn from(problem: Around) -> Trouble {
        Trouble::Problem(problem.into())
    }
}

impl From<LooksTaken> for Trouble {
    fn from(_: LooksTaken) -> Trouble {
        Trouble::Busy
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        Trouble::Problem(error.into())
    }
}

/// A file that somebody looks at.
pub(super) struct Looked {
    pub(super) ticket: Ticket,
    pub(super) source: String,
    /// The rules of the tenant.
    pub(super) policy: Policy,
    asked: Wishes,
    /// What it turns out to be; or why it cannot be read as was asked.
    pub(super) file: Result<File, Problem>,
}

/// What a file turns out to be.
pub(super) struct File {
    pub(super) form: Form,
    pub(super) encoding: Option<&'static Encoding>,
    pub(super) first: Chunk,
    /// Whether it has no further rows.
    pub(super) is_whole: bool,
    pub(super) chosen: Chosen,
    /// Whose columns are taken for the same.
    pub(super) remembered: Option<Remembered>,
    /// Whether rows are to be matched by ids, and there is no column of them.
    pub(super) lacks_ids: bool,
}

impl File {
    pub(super) fn is_lines(&self) -> bool {
        self.form == Form::Lines
    }

    /// Whether any column says something; those that JSON objects have later may.
    pub(super) fn says_something(&self) -> bool {
        self.is_lines() || self.chosen.mapping.says_something()
    }

    /// Whether anything tells who a row is.
    pub(super) fn names_anybody(&self) -> bool {
        self.is_lines() || self.chosen.mapping.names_anybody()
    }

    /// Whether it can be brought in like this.
    pub(super) fn fits(&self) -> Result<(), Problem> {
        let fits = self.chosen.wrong.is_empty() && !self.lacks_ids && self.says_something();
        let problem = || Problem::new(Code::FileUnfit, "columns that need another choice");
        if fits { Ok(()) } else { Err(problem()) }
    }
}

impl Looked {
    /// How it is read and applied, with what its columns were chosen to be.
    pub(super) fn wishes(&self, file: &File) -> Wishes {
        let (choices, asked) = (file.chosen.choices.clone(), self.asked.clone());
        Wishes { choices, read: self.read_as(file), ..asked }
    }

    /// How it is read again as it was read now.
    fn read_as(&self, file: &File) -> ReadOptions {
        self.asked.read.settled(file.form, file.first.above)
    }

    /// The file from its beginning.
    pub(super) async fn opened(&self, visitor: &Visitor, file: &File) -> Result<Opened, Problem> {
        let choices = file.chosen.choices.clone();
        let spool = visitor.call.hub().spool();
        let (path, look) = (spool.file(&self.ticket.name), spool.look().await?);
        let opened = imports::open(&path, &self.read_as(file), Some(look), choices).await;
        opened.map_err(|error| unfit(&error))
    }
}

/// What is said about columns, with what somebody picks for each once the page shows them.
struct Picked {
    said: Said,
    by_id: bool,
    picks: BTreeMap<usize, Pick>,
}

impl Sayings for Picked {
    fn choices(&self, headings: &[String]) -> Choices {
        let before = before(&self.said, headings, self.by_id);
        let chosen = choose(headings, before, &self.picks, false);
        chosen.map(|chosen| chosen.choices).unwrap_or_default()
    }

    fn known(&self, headings: &[String]) -> Choices {
        self.said.known(headings)
    }

    fn said(&self, headings: &[String]) -> Choices {
        self.said.said(headings)
    }
}

/// Reads the beginning of a file as it is asked to be read.
async fn read(
    (path, look): (&Path, Look),
    asked: &Asked,
    wanted: &Wishes,
    said: &Said,
) -> Result<File, Problem> {
    let by_id = wanted.choices.are_by_id();
    let sayings = Picked { said: said.clone(), by_id, picks: asked.picks.clone() };
    let opened = imports::open(path, &wanted.read, Some(look), sayings).await;
    let Opened { form, encoding, mut rows, first, .. } = opened.map_err(|error| unfit(&error))?;
    let (headings, is_lines) = (&first.columns, form == Form::Lines);
    let choose = |by_id| choose(headings, before(said, headings, by_id), &asked.picks, is_lines);
    let (chosen, lacks_ids) = match choose(by_id) {
        Err(MappingError::NoIds) => (choose(false), true),
        chosen => (chosen, false),
    };
    let chosen = chosen.map_err(|error| unfit(&error))?;
    let remembered = said.remembered(headings);
    // What is wrong further down is told of the rows there.
    let is_whole = matches!(rows.next().await, Ok(None));
    Ok(File { form, encoding, first, is_whole, chosen, remembered, lacks_ids })
}

/// What was said before of columns of these headings.
fn before(said: &Said, headings: &[String], by_id: bool) -> Choices {
    let mut choices = said.choices(headings);
    if by_id {
        choices.match_by_id();
    }
    choices
}

/// Looks at the file that an address names.
pub(super) async fn look(visitor: &Visitor, asked: &Asked) -> Result<Looked, Trouble> {
    let call = &visitor.call;
    permitted(call)?;
    let ticket = Ticket::read(call, &asked.file).ok_or(Trouble::Gone)?;
    let imports = call.store().imports(call.tenant(), None, REMEMBERED_MAX).await?;
    begun(&imports, &ticket)?;
    if !call.hub().spool().touch(&ticket.name).map_err(|_| Around::Internal)? {
        return Err(Trouble::Gone);
    }
    let wanted = asked.wishes(&visitor.look)?;
    let policy = call.store().policy(call.tenant()).await?.ok_or(Around::TokenInvalid)?;
    let source = asked.source();
    let (before, now, is_new) = (imports.into(), Choices::default(), wanted.new_mapping);
    let names = Names::of(call.store(), call.tenant(), policy.clone()).await?;
    let said = Said { before, source: source.clone(), now, is_new, names };
    let spool = call.hub().spool();
    let (path, look) = (spool.file(&ticket.name), spool.look().await?);
    let file = read((&path, look), asked, &wanted.wishes, &said).await;
    Ok(Looked { ticket, source, policy, asked: wanted.wishes, file })
}

/// Whether an import of these is that of the file.
pub(super) fn begun(imports: &[Import], ticket: &Ticket) -> Result<(), Trouble> {
    let found = imports.iter().find(|it| it.plan.spool.as_deref() == Some(&*ticket.name));
    found.map_or(Ok(()), |import| Err(Trouble::Begun(import.id)))
}
