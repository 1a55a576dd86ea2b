//! Walks by all customers that match, on a thread and a connection of their own: who reads for minutes
//! must not keep the pool from those who read for a moment.

use super::checkpoint::Log;
use super::connection::{self, at_one_moment};
use super::load;
use super::query::{self, Query};
use super::trouble::Trouble;
use crate::StoreError;
use crate::walk::{CHUNK, CLOSED, Outline, Step, Survey, Walks};
use kehub_core::TenantId;
use kehub_core::TypeNumber;
use kehub_core::customer::Customer;
use kehub_core::filter::{Filter, Order};
use kehub_core::policy::IdentityType;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What a walk goes by, and to whom it is told.
pub(super) struct Walker {
    pub(super) path: PathBuf,
    pub(super) tenant: TenantId,
    pub(super) filter: Filter,
    pub(super) survey: Survey,
    pub(super) steps: mpsc::Sender<Step>,
    pub(super) walks: Walks,
    pub(super) log: Arc<Log>,
}

impl Walker {
    /// Walks, on a thread of its own. Once it sees its moment it says how many commits were begun by
    /// then: when these are durable, whatever it tells is.
    pub(super) fn start(self) -> Result<oneshot::Receiver<u64>, StoreError> {
        let permit = self.walks.begin()?;
        let (begun, commits) = oneshot::channel();
        let walk = move || {
            self.walk(begun);
            drop(permit);
        };
        let thread = std::thread::Builder::new().name("sqlite-walk".to_owned());
        thread.spawn(walk).map_err(|error| StoreError::NotApplied(error.into()))?;
        Ok(commits)
    }

    fn walk(&self, begun: oneshot::Sender<u64>) {
        let walked = connection::walking(&self.path)
            .and_then(|conn| at_one_moment(&conn, |conn| self.tell_all(conn, begun)));
        let last = match walked {
            Ok(ControlFlow::Continue(())) => Step::End,
            // Nobody listens, or the store was closed, and that was told.
            Ok(ControlFlow::Break(())) => return,
            Err(trouble) => Step::Trouble(trouble.into()),
        };
        // Nothing comes behind it, whether or not somebody hears it.
        drop(self.steps.blocking_send(last));
    }

    fn tell_all(
        &self,
        conn: &Connection,
        begun: oneshot::Sender<u64>,
    ) -> Result<ControlFlow<()>, Trouble> {
        // The first read: from here on it sees this moment.
        let types = query::types_of(conn, self.tenant)?;
        if begun.send(self.log.durable.begun()).is_err() {
            return Ok(ControlFlow::Break(()));
        }
        let filter = query::with_survivors(conn, self.tenant, &self.filter)?;
        let everybody = Query::page(self.tenant, &filter, &Order::default());
        let mut outline = Outline::default();
        match self.survey {
            Survey::Count => outline.customers = query::matching(conn, self.tenant, &filter)?,
            Survey::Fields => {
                let seen = everybody.each(conn, |key| {
                    outline.see(&customer(conn, key)?);
                    Ok(self.goes_on())
                })?;
                if seen.is_break() {
                    return Ok(seen);
                }
            }
        }
        outline.types = types.values().map(|kind| kind.name.clone()).collect();
        if self.tell(Step::Outline(outline)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        self.tell_each(conn, &everybody, &types)
    }

    fn tell_each(
        &self,
        conn: &Connection,
        everybody: &Query,
        types: &BTreeMap<TypeNumber, IdentityType>,
    ) -> Result<ControlFlow<()>, Trouble> {
        let mut chunk = Vec::with_capacity(CHUNK);
        let told = everybody.each(conn, |key| {
            chunk.push(query::made_whole(conn, self.tenant, customer(conn, key)?, types)?);
            if chunk.len() < CHUNK {
                return Ok(ControlFlow::Continue(()));
            }
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK));
            Ok(self.tell(Step::Customers(full)))
        })?;
        if told.is_break() || chunk.is_empty() {
            return Ok(told);
        }
        Ok(self.tell(Step::Customers(chunk)))
    }

    /// Tells a step, however long it takes; whether there is to be another one.
    fn tell(&self, step: Step) -> ControlFlow<()> {
        let step = if self.walks.is_closed() {
            Step::Trouble(StoreError::NotApplied(CLOSED.into()))
        } else {
            step
        };
        let is_last = matches!(step, Step::Trouble(_));
        if self.steps.blocking_send(step).is_err() || is_last {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Whether somebody still waits for it.
    fn goes_on(&self) -> ControlFlow<()> {
        if self.steps.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The row of a key that is there.
fn customer(conn: &Connection, key: i64) -> Result<Customer, Trouble> {
    let found = load::customer(conn, key)?;
    found.map(|(customer, _)| customer).ok_or_else(|| Trouble::broken("a customer without a row"))
}
