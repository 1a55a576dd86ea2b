//! A walk by all customers of a tenant that match a filter, as of one moment, while others write.

use crate::{StoreError, WholeCustomer};
use kehub_core::attribute::Attribute;
use kehub_core::customer::Customer;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Walks of a store that may be under way. Each has a session to itself, and for as long as it lasts
/// the store keeps what was replaced since.
pub(crate) const WALKS_MAX: usize = 4;
/// Customers that are told at once.
pub(crate) const CHUNK: usize = 500;
/// Chunks that are read before somebody asks for them.
const AHEAD: usize = 2;

/// What is found out before the first customer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survey {
    /// How many there are.
    Count,
    /// Also which fields they show, which takes a look at each of them.
    Fields,
}

/// What a walk will come by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// How many customers.
    pub customers: u64,
    /// The attributes that one of them shows at least; none without [`Survey::Fields`].
    pub attributes: BTreeSet<Attribute>,
    /// The keys of the custom attributes likewise.
    pub custom: BTreeSet<Box<str>>,
    /// The names of the identity types of the tenant, by number, whoever has identities of them.
    pub types: Vec<Box<str>>,
}

impl Outline {
    /// Takes note of a customer.
    pub(crate) fn see(&mut self, customer: &Customer) {
        self.customers += 1;
        for attribute in Attribute::ALL {
            if !self.attributes.contains(attribute) && customer.shown(*attribute).is_some() {
                self.attributes.insert(*attribute);
            }
        }
        for (key, _) in customer.fold.custom() {
            if !self.custom.contains(key) {
                self.custom.insert(key.into());
            }
        }
    }
}

/// A step of a walk, as an engine tells it.
#[derive(Debug)]
pub(crate) enum Step {
    /// The first one.
    Outline(Outline),
    Customers(Vec<WholeCustomer>),
    /// All were told.
    End,
    Trouble(StoreError),
}

/// All customers that match, in the order of their ids, each with what belongs to it, as of the
/// moment at which the walk began. Dropped, it ends.
#[derive(Debug)]
pub struct Walk {
    steps: mpsc::Receiver<Step>,
    /// Whether it ends in trouble, as planned by a test.
    fails: bool,
}

impl Walk {
    /// A walk, and where its steps come from.
    pub(crate) fn new() -> (mpsc::Sender<Step>, Walk) {
        Walk::with_room(AHEAD)
    }

    /// A walk by customers that are known.
    pub(crate) fn over(outline: Outline, mut customers: Vec<WholeCustomer>) -> Walk {
        let (steps, walk) = Walk::with_room(customers.len() / CHUNK + 3);
        // There is room for all of them.
        let tell = |step| drop(steps.try_send(step));
        tell(Step::Outline(outline));
        while !customers.is_empty() {
            let rest = customers.split_off(customers.len().min(CHUNK));
            tell(Step::Customers(std::mem::replace(&mut customers, rest)));
        }
        tell(Step::End);
        walk
    }

    fn with_room(steps: usize) -> (mpsc::Sender<Step>, Walk) {
        let (sender, steps) = mpsc::channel(steps);
        (sender, Walk { steps, fails: false })
    }

    /// The same, but when all have been told there is trouble.
    pub(crate) fn failing(self) -> Walk {
        Walk { fails: true, ..self }
    }

    /// What it will come by, to be asked first.
    pub async fn outline(&mut self) -> Result<Outline, StoreError> {
        match self.steps.recv().await {
            Some(Step::Outline(outline)) => Ok(outline),
            Some(Step::Customers(_) | Step::End) => {
                Err(StoreError::Corrupt("a walk was asked late for its outline".into()))
            }
            Some(Step::Trouble(trouble)) => Err(trouble),
            None => Err(broke_off()),
        }
    }

    /// The next customers, some hundreds at most; `None` when all have been told. Only then it is
    /// certain that there were no more.
    pub async fn next(&mut self) -> Result<Option<Vec<WholeCustomer>>, StoreError> {
        loop {
            match self.steps.recv().await {
                Some(Step::Outline(_)) => (),
                Some(Step::Customers(customers)) => return Ok(Some(customers)),
                Some(Step::End) if self.fails => return Err(StoreError::Unknown("planned".into())),
                Some(Step::End) => return Ok(None),
                Some(Step::Trouble(trouble)) => return Err(trouble),
                None => return Err(broke_off()),
            }
        }
    }
}

/// Its walker is gone, and has not said that it was at its end.
pub(crate) fn broke_off() -> StoreError {
    StoreError::NotApplied("the walk broke off".into())
}

/// How many walks of a store may still begin.
#[derive(Clone, Debug)]
pub(crate) struct Walks(Arc<Semaphore>);

impl Default for Walks {
    fn default() -> Walks {
        Walks(Arc::new(Semaphore::new(WALKS_MAX)))
    }
}

impl Walks {
    /// A place for one, which its walker gives back when it has come to rest.
    pub(crate) fn begin(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            let cause = if self.is_closed() {
                CLOSED.to_owned()
            } else {
                format!("{WALKS_MAX} walks are under way already")
            };
            StoreError::NotApplied(cause.into())
        })
    }

    /// Refuses every further one; those that are under way break off.
    pub(crate) fn close(&self) {
        self.0.close();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// Why nothing is told any more.
pub(crate) const CLOSED: &str = "the store is closed";
