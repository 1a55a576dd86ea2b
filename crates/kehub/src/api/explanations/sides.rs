//! The two sides that an explanation is about, as the parameters name them.

use crate::api::Call;
use crate::api::parameters::Parameters;
use crate::api::past::gone_by_then;
use crate::api::problem::{Code, ItemError, Place, Problem};
use kehub_core::CustomerId;
use kehub_core::explain::Node;
use kehub_core::facts::TenantFacts;
use kehub_core::history::Past;
use kehub_store::{StoreError, TypedIdentity};

/// The names of the parameters of one side.
pub(crate) struct SideNames {
    customer: &'static str,
    kind: &'static str,
    value: &'static str,
}

pub(crate) const FROM: SideNames =
    SideNames { customer: "fromCustomer", kind: "fromType", value: "fromValue" };
pub(crate) const TO: SideNames =
    SideNames { customer: "toCustomer", kind: "toType", value: "toValue" };

/// A side as it is named.
#[derive(Debug)]
pub(crate) enum Asked {
    Customer(CustomerId),
    Identity { kind: String, value: String },
}

impl Asked {
    /// Reads a side; what does not fit is remembered with the parameters.
    pub(crate) fn read(parameters: &mut Parameters, names: &SideNames) -> Option<Asked> {
        let is_customer_given = parameters.has(names.customer);
        let customer = parameters.parsed(names.customer, "a whole number from 1", |text| {
            text.parse().ok().filter(|id| *id > 0).map(CustomerId)
        });
        let (kind, value) = (parameters.text(names.kind), parameters.text(names.value));
        match (is_customer_given, kind, value) {
            (true, None, None) => customer.map(Asked::Customer),
            (true, _, _) => {
                let detail = "name a side once: by its customer, or by type and value";
                parameters.repeated(names.customer, detail);
                None
            }
            (false, Some(kind), Some(value)) => Some(Asked::Identity { kind, value }),
            (false, Some(_), None) => {
                parameters.missing(names.value, "the value of the identity");
                None
            }
            (false, None, Some(_)) => {
                parameters.missing(names.kind, "the type of the identity");
                None
            }
            (false, None, None) => {
                let expected = format!("a customer, or `{}` and `{}`", names.kind, names.value);
                parameters.missing(names.customer, &expected);
                None
            }
        }
    }

    /// Looks a side up; an identity that is not known comes out as `None`.
    pub(crate) async fn find(self, call: &Call) -> Result<Option<Side>, StoreError> {
        Ok(match self {
            Asked::Customer(id) => Some(Side::Customer(id)),
            Asked::Identity { kind, value } => {
                let found = call.store().identity(call.tenant(), &kind, &value).await?;
                found.map(Side::Identity)
            }
        })
    }
}

/// A side that may be known: whether there is such a customer, its past says.
#[derive(Debug)]
pub(crate) enum Side {
    Customer(CustomerId),
    Identity(TypedIdentity),
}

impl Side {
    /// The customer whose past tells of it today.
    pub(crate) fn home(&self) -> Option<CustomerId> {
        match self {
            Side::Customer(id) => Some(*id),
            Side::Identity(found) => found.identity.home,
        }
    }

    pub(crate) fn node(&self) -> Node {
        match self {
            Side::Customer(id) => Node::Home(*id),
            Side::Identity(found) => Node::Identity(found.identity.number),
        }
    }

    /// The customer that it belongs to; `None` for an identity that nobody owns.
    pub(crate) fn owner(
        &self,
        past: &Past,
        then: &TenantFacts,
    ) -> Result<Option<CustomerId>, Problem> {
        match self {
            Side::Customer(id) => {
                let found = then.survivor(*id).filter(|_| !past.is_erased(*id));
                let found = found.map(|customer| Some(customer.id));
                found.ok_or_else(|| gone_by_then(*id, past, then))
            }
            Side::Identity(found) => Ok(then.owner(found.identity.number)),
        }
    }
}

/// What both sides came to, or what is wrong with them: told of both at once.
pub(crate) fn both<T>(
    from: (&SideNames, Result<T, Problem>),
    to: (&SideNames, Result<T, Problem>),
) -> Result<(T, T), Problem> {
    let told = |names: &SideNames, problem: &Problem| {
        let name =
            if problem.code == Code::IdentityNotFound { names.value } else { names.customer };
        ItemError::not_found(Place::Parameter(name.to_owned()), problem.detail.clone())
    };
    match (from.1, to.1) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(problem), Ok(_)) => Err(Problem::errors(problem.code, vec![told(from.0, &problem)])),
        (Ok(_), Err(problem)) => Err(Problem::errors(problem.code, vec![told(to.0, &problem)])),
        (Err(first), Err(second)) => {
            let errors = vec![told(from.0, &first), told(to.0, &second)];
            Err(Problem::errors(first.code, errors))
        }
    }
}
