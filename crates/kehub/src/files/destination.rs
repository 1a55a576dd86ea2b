//! Where rows go: the store, in the lane of those for whom nobody waits.

use super::clean::ROW_TYPE;
use super::import::ImportError;
use crate::clock::Clock;
use kehub_core::command::{Command, Origin, Request, SetPolicy, Upsert};
use kehub_core::outcome::Outcome;
use kehub_core::policy::{Role, Setting, TypeChange};
use kehub_core::{AppNumber, Micros, TenantId};
use kehub_store::{Batch, Lane, Store, StoreError};
use std::time::Duration;

/// How often a batch is sent that was not applied, or perhaps was: upserts sent again change
/// nothing. Between two tries there is a pause, of twice the length each time.
const TRIES_MAX: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The rank of the identities that are made for rows.
const ROW_PRIORITY: u16 = 90;

/// Where rows go, and in whose name.
#[derive(Clone)]
pub(crate) struct Destination<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) tenant: TenantId,
    pub(crate) app: AppNumber,
    /// The id of the request, for finding it in logs.
    pub(crate) request: Box<str>,
    pub(crate) clock: &'a dyn Clock,
}

impl Destination<'_> {
    /// Makes the type known that identities have which are made for rows.
    pub(super) async fn name_row_type(&self) -> Result<(), ImportError> {
        match self.apply(vec![Command::SetPolicy(row_type())]).await?.as_slice() {
            [Outcome::Policy(_)] => Ok(()),
            _ => Err(ImportError::Outcome),
        }
    }

    /// What comes of commands.
    pub(super) async fn apply(&self, commands: Vec<Command>) -> Result<Vec<Outcome>, ImportError> {
        self.applied(&self.batch(commands)?).await
    }

    /// Commands as they are sent.
    pub(super) fn batch(&self, commands: Vec<Command>) -> Result<Batch, ImportError> {
        let mut moment = moments(self.clock);
        let requests = commands.into_iter().map(|command| Request {
            tenant: self.tenant,
            origin: Origin {
                app: self.app,
                actor: None,
                request: self.request.clone(),
                at: moment(),
            },
            dry_run: false,
            idempotency: None,
            command,
        });
        Batch::new(requests.collect(), Lane::Bulk).ok_or(ImportError::Outcome)
    }

    /// What comes of a batch, which is sent again while the store is in trouble.
    pub(super) async fn applied(&self, batch: &Batch) -> Result<Vec<Outcome>, ImportError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES_MAX {
            let applied = self.store.apply(batch.clone()).await;
            if let Ok(_) | Err(StoreError::Corrupt(_)) = applied {
                return Ok(applied?);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Ok(self.store.apply(batch.clone()).await?)
    }
}

/// When rows of a batch arrive: each after the one before, so that of two values the later row's is the
/// newer one, however fast they come.
pub(super) fn moments(clock: &dyn Clock) -> impl FnMut() -> Micros {
    let mut last = Micros::MIN;
    move || {
        last = clock.now().max(last.saturating_add(1));
        last
    }
}

/// Whether there are identities among them that were made for rows.
pub(super) fn are_made(upserts: &[Upsert]) -> bool {
    upserts.iter().any(|upsert| upsert.record.is_some())
}

/// Says what the identities of rows are: something that tells two people as little apart as a device
/// does.
pub(super) fn row_type() -> SetPolicy {
    let change = TypeChange {
        priority: Setting::Value(ROW_PRIORITY),
        role: Setting::Value(Role::Weak),
        ..TypeChange::default()
    };
    SetPolicy { types: vec![(ROW_TYPE.to_owned(), change)], ..SetPolicy::default() }
}
