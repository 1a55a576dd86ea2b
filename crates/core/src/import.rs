//! Imports: files whose rows become customers, who is at work on each, and how far it has come.
//!
//! What is kept says which rows are done and how many came to what, never what stands in them. Rows
//! themselves are upserts like any others ([`crate::command::Upsert`]).

use crate::{AppNumber, ImportId, Micros, TenantId};
use std::collections::BTreeMap;

/// An import of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its id within the tenant.
    pub id: ImportId,
    /// The app that began it.
    pub app: AppNumber,
    /// When it was begun.
    pub began_at: Micros,
    /// When anything of it was last written down.
    pub changed_at: Micros,
    /// What is brought in, and how.
    pub plan: Plan,
    /// What has become of it.
    pub state: State,
    /// Whether somebody wants it to end early.
    pub is_unwanted: bool,
    /// Who is at work on it, and until when others leave it alone.
    pub hold: Hold,
    /// How far it has come.
    pub progress: Progress,
    /// Why it failed, for people.
    pub error: Option<Box<str>>,
}

impl Import {
    /// Whether somebody is at work on it, as far as can be told.
    pub fn is_held(&self, now: Micros) -> bool {
        self.state == State::Running && self.hold.until > now
    }

    /// What has become of it, as it is shown: one that nobody is at work on any more is interrupted.
    pub fn state_at(&self, now: Micros) -> State {
        if self.state == State::Running && !self.is_held(now) {
            return State::Interrupted;
        }
        self.state
    }

    /// Whether a hub that keeps its file has to bring it in.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Running | State::Interrupted)
    }

    /// Whether a hub keeps its file and has to bring it in: it waits for its turn, or has it.
    pub fn is_due(&self) -> bool {
        self.plan.spool.is_some() && self.is_open()
    }

    /// Whether it may go on from where it is.
    pub fn may_go_on(&self) -> bool {
        matches!(self.state, State::Running | State::Interrupted | State::Failed)
    }
}

/// What is brought in, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the file is called.
    pub source: Box<str>,
    /// What tells the file from any other; `None` of what comes through a pipe.
    pub content: Option<Content>,
    /// What its columns are and how it is read, in the words of who imports: two imports of one file
    /// with the same words do the same.
    pub settings: Box<str>,
    /// Where a hub keeps the file; `None` if it stays where it was.
    pub spool: Option<Box<str>>,
}

/// What tells a file from any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// How many bytes it has.
    pub bytes: u64,
    /// SHA-256 of them.
    pub hash: [u8; 32],
}

/// What has become of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Somebody is at work on it.
    Running,
    /// All of it is applied or refused.
    Done,
    /// It ended early, and may go on.
    Interrupted,
    /// Something went wrong; it may go on.
    Failed,
    /// Somebody did not want it any more.
    Cancelled,
}

impl State {
    /// Every state.
    pub const ALL: &[State] =
        &[State::Running, State::Done, State::Interrupted, State::Failed, State::Cancelled];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Done => "done",
            State::Interrupted => "interrupted",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    /// The state of this name.
    pub fn named(name: &str) -> Option<State> {
        State::ALL.iter().copied().find(|state| state.name() == name)
    }
}

/// Who is at work on an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// The process, by a number that it drew.
    pub holder: i64,
    /// Until when others leave the import alone; it is written anew long before.
    pub until: Micros,
}

/// How far an import has come: all rows up to here are applied or refused. Later ones may be applied as
/// well; to apply them again changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows read, all of them.
    pub rows: u64,
    /// Rows passed over, as somebody asked.
    pub skipped: u64,
    /// Rows that made a customer.
    pub created: u64,
    /// Rows that changed one.
    pub updated: u64,
    /// Rows that said nothing new.
    pub unchanged: u64,
    /// Rows that joined customers.
    pub merged: u64,
    /// Rows that opened a conflict or review entry; they are among the others, too.
    pub conflicts: u64,
    /// Rows that were not applied.
    pub refused: u64,
    /// Where refused rows stand, if there are any.
    pub report: Option<Box<str>>,
    /// How many bytes of that report are about the rows up to here.
    pub report_bytes: u64,
}

/// The imports that a batch may look at or change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imports {
    /// By tenant and id.
    pub all: BTreeMap<(TenantId, ImportId), Import>,
    /// The last id given out, by tenant.
    pub last: BTreeMap<TenantId, ImportId>,
}

/// A change of a tenant's imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportChange {
    /// Begin one, or go on with an unfinished one of the same plan.
    Begin {
        /// What is brought in, and how.
        plan: Plan,
        /// Who is going to be at work on it.
        hold: Hold,
        /// Whether to begin anew, whatever was done before.
        again: bool,
    },
    /// Go on with one that nobody is at work on.
    Take {
        /// The import.
        id: ImportId,
        /// Who is going to be at work on it.
        hold: Hold,
    },
    /// Write down how far it has come, and be at work on it for longer.
    Step {
        /// The import.
        id: ImportId,
        /// Who is at work on it.
        hold: Hold,
        /// How far it has come.
        progress: Progress,
    },
    /// Write down what has become of it.
    End {
        /// The import.
        id: ImportId,
        /// Who was at work on it.
        holder: i64,
        /// What has become of it.
        state: State,
        /// How far it has come.
        progress: Progress,
        /// Why it failed, for people.
        error: Option<Box<str>>,
    },
    /// End one early: at once if nobody is at work on it, else when who is at work on it hears of that.
    Cancel(ImportId),
    /// Forget one that has ended.
    Forget(ImportId),
}

/// What came of a command about imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It is a new one, and stands like this.
    Begun(Box<Import>),
    /// It stands like this now.
    Stands(Box<Import>),
    /// It is forgotten.
    Forgotten(ImportId),
}

/// Why a command about imports is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportRefusal {
    /// No such import in this tenant.
    Missing(ImportId),
    /// Somebody is at work on this one, which is of the same file, or is the one that was named.
    Running {
        /// The import.
        id: ImportId,
        /// Until when it is left alone, unless that is written anew.
        until: Micros,
    },
    /// It has ended, or somebody else is at work on it.
    NotHolder(ImportId),
    /// It cannot go on: all of it is done, or nobody wants it.
    Ended(ImportId),
    /// As many wait for a hub as are kept ([`crate::limits::IMPORTS_MAX`]).
    TooMany,
}
