//! Walks by all customers that match, in a task and a session of their own: who reads for minutes must
//! not keep the pool from those who read for a moment.

use super::cluster;
use super::connection::{Connection, LONG, Server};
use super::query::{self, COLUMNS, Query};
use super::ranges::{self, Ranges};
use super::render::Part;
use super::rows;
use super::trouble::Trouble;
use crate::StoreError;
use crate::tables::codec::key_range;
use crate::walk::{CHUNK, CLOSED, Outline, Step, Survey, Walk, Walks};
use kehub_core::customer::Customer;
use kehub_core::filter::{Filter, Order};
use kehub_core::policy::IdentityType;
use kehub_core::{TenantId, TypeNumber};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The cursor that goes by everybody.
const CURSOR: &str = "walked";
const CLOSE: &str = "CLOSE walked";

/// What a walk goes by, and to whom it is told.
struct Walker {
    tenant: TenantId,
    filter: Filter,
    survey: Survey,
    steps: mpsc::Sender<Step>,
    walks: Walks,
}

/// Begins a walk.
pub(super) async fn walk(
    server: &Arc<Server>,
    walks: &Walks,
    tenant: TenantId,
    filter: &Filter,
    survey: Survey,
) -> Result<Walk, StoreError> {
    let permit = walks.begin()?;
    let conn = cluster::begin_at_one_moment(server).await?;
    conn.batch(LONG).await?;
    // Taken with the first statement, where none was needed before.
    let types = query::types_of(&conn, tenant).await?;
    let (steps, walk) = Walk::new();
    let walker = Walker { tenant, filter: filter.clone(), survey, steps, walks: walks.clone() };
    tokio::spawn(async move {
        let told = tokio::select! {
            // Whatever is under way then ends with the session.
            () = walker.steps.closed() => Ok(()),
            told = walker.tell_all(&conn, &types) => told,
        };
        drop(conn);
        drop(permit);
        let last = match told {
            Ok(()) => Step::End,
            Err(trouble) => Step::Trouble(trouble),
        };
        walker.tell(last).await;
    });
    Ok(walk)
}

impl Walker {
    async fn tell_all(
        &self,
        conn: &Connection,
        types: &BTreeMap<TypeNumber, IdentityType>,
    ) -> Result<(), StoreError> {
        let filter = query::with_survivors(conn, self.tenant, &self.filter).await?;
        let mut outline = Outline::default();
        match self.survey {
            Survey::Count => {
                outline.customers = query::matching(conn, self.tenant, &filter).await?;
            }
            Survey::Fields => {
                let mut everybody = Everybody::of(conn, self.tenant, &filter);
                while let Some(customers) = everybody.next().await? {
                    for customer in &customers {
                        outline.see(customer);
                    }
                }
            }
        }
        outline.types = types.values().map(|kind| kind.name.clone()).collect();
        self.tell(Step::Outline(outline)).await;
        let mut everybody = Everybody::of(conn, self.tenant, &filter);
        while let Some(customers) = everybody.next().await? {
            if self.walks.is_closed() {
                return Err(StoreError::NotApplied(CLOSED.into()));
            }
            let whole = query::made_whole(conn, self.tenant, customers, types).await?;
            self.tell(Step::Customers(whole)).await;
        }
        Ok(())
    }

    /// Tells a step, however long it takes. Where nobody listens any more, the walk is given up.
    async fn tell(&self, step: Step) {
        drop(self.steps.send(step).await);
    }
}

/// Everybody who matches, in the order of their ids.
struct Everybody<'c> {
    conn: &'c Connection,
    tenant: TenantId,
    filter: &'c Filter,
    ranges: Ranges<'c>,
    /// How many were told since the cursor was opened, if there is one.
    told: Option<usize>,
}

impl<'c> Everybody<'c> {
    fn of(conn: &'c Connection, tenant: TenantId, filter: &'c Filter) -> Everybody<'c> {
        let ranges = Ranges::new(conn, ranges::CUSTOMERS, key_range(tenant));
        Everybody { conn, tenant, filter, ranges, told: None }
    }

    /// The next of them; `None` behind the last.
    async fn next(&mut self) -> Result<Option<Vec<Customer>>, Trouble> {
        loop {
            if let Some(told) = self.told {
                let fetch = format!("FETCH FORWARD {CHUNK} FROM {CURSOR}");
                let found = self.conn.all(&fetch, &[]).await?;
                if !found.is_empty() {
                    self.told = Some(told + found.len());
                    return rows::read(&found, |row| Ok(rows::customer(row)?.0)).map(Some);
                }
                self.conn.batch(CLOSE).await?;
                self.told = None;
                self.ranges.had(told);
            }
            let Some(keys) = self.ranges.next().await? else { return Ok(None) };
            let (order, part) = (Order::default(), Part { keys, condition: None });
            let query = Query::part(COLUMNS, self.tenant, self.filter, &order, part);
            query.declare(self.conn, CURSOR).await?;
            self.told = Some(0);
        }
    }
}
