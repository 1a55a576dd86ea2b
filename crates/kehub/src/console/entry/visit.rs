//! A request for one of these pages: who sends it, if anybody is signed in, and in which language.

use super::ACCOUNT;
use super::words::{Words, words};
use crate::console::look::Look;
use crate::console::visitor::Visitor;
use crate::people::account::Own;
use crate::people::session::SignedIn;
use crate::people::sign_in::Asking;
use crate::server::Hub;
use crate::server::layers::Arrival;
use crate::server::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use kehub_core::Micros;
use std::sync::Arc;

/// A request that the [guard](super::guard) let through.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) hub: Hub,
    pub(super) signed_in: Option<Arc<SignedIn>>,
    pub(super) look: Look,
    /// Who is signed in, as other pages know it.
    pub(super) visitor: Option<Visitor>,
    pub(super) query: Option<String>,
    agent: String,
    now: Micros,
    request_id: Box<str>,
}

impl FromRequestParts<Hub> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Visit, Response> {
        let arrival = parts.extensions.get::<Arrival>().cloned();
        let Arrival { now, request_id, session, .. } =
            arrival.ok_or_else(|| Problem::Internal.into_response())?;
        let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let agent = agent.unwrap_or_default().to_owned();
        let mut look = Look::of(parts);
        // What a form of the account page was sent to is no page to come back to.
        if look.here.starts_with("/console/account/") {
            ACCOUNT.clone_into(&mut look.here);
        }
        let visitor = match session {
            Some(_) => Some(Visitor::from_request_parts(parts, hub).await?),
            None => None,
        };
        Ok(Visit {
            hub: hub.clone(),
            signed_in: session,
            look,
            visitor,
            query: parts.uri.query().map(str::to_owned),
            agent,
            now,
            request_id,
        })
    }
}

impl Visit {
    pub(super) fn words(&self) -> &'static Words {
        words(self.look.language)
    }

    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Somebody who wants to be let in.
    pub(super) fn asking<'a>(&'a self, login: &'a str, password: &'a str) -> Asking<'a> {
        let Visit { agent, now, request_id, .. } = self;
        Asking { login, password, agent, now: *now, request_id }
    }

    /// What the user who is signed in may do to itself; `None` if nobody is.
    pub(super) fn own(&self) -> Option<Own<'_>> {
        let signed_in = self.signed_in.as_deref()?;
        let Visit { hub, now, request_id, .. } = self;
        Some(Own { hub, signed_in, now: *now, request_id })
    }
}
