//! Who looks at a page: a caller, and how it wants pages to be. Without a caller there is no page.

use super::look::Look;
use super::page::{self, Page};
use super::words::Words;
use crate::api::{Call, Problem};
use crate::server;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use kehub_core::directory::Permission;
use tracing::info;

/// Somebody who may ask for pages.
#[derive(Debug)]
pub(crate) struct Visitor {
    /// Every read of a page goes through it, with the permissions of the API.
    pub(super) call: Call,
    pub(super) look: Look,
}

impl FromRequestParts<server::Hub> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, hub: &server::Hub) -> Result<Visitor, Response> {
        let look = Look::of(parts);
        match Call::from_request_parts(parts, hub).await {
            Ok(call) => Ok(Visitor { call, look }),
            Err(problem) => Err(page::problem(&look, None, &problem, "")),
        }
    }
}

impl Visitor {
    pub(super) fn words(&self) -> &'static Words {
        self.look.language.words()
    }

    pub(super) fn may(&self, permission: Permission) -> bool {
        self.call.require(permission).is_ok()
    }

    /// Whether mobiles and e-mails may be shown in full.
    pub(super) fn may_reveal(&self) -> bool {
        self.may(Permission::CustomersWrite)
    }

    /// Leaves a trace of contacts being shown in full.
    pub(super) fn tell_revealed(&self, what: &str) {
        let app = self.call.app().number.0;
        info!(app, what, request_id = self.call.request_id(), "contacts were revealed");
    }

    /// Answers a page, or a page that says what went wrong.
    pub(super) fn answer(&self, page: Result<Page, Problem>) -> Response {
        match page {
            Ok(page) => page::answer(&self.look, Some(self), &page),
            Err(problem) => page::problem(&self.look, Some(self), &problem, self.call.request_id()),
        }
    }
}
