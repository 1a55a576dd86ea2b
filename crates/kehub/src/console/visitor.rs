//! Who looks at a page: a caller, and how it wants pages to be. Without a caller there is no page.

use super::look::Look;
use super::page::{self, Page};
use super::words::Words;
use crate::api::{Call, Problem};
use crate::people::origin::CSRF_FIELD;
use crate::server;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use kehub_core::command::Command;
use kehub_core::directory::Permission;
use kehub_core::people::PeopleChange;
use kehub_core::people::audit::{About, Deed, Details, Note};
use maud::{Markup, html};

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
        self.may(Permission::CustomersReveal)
    }

    /// Writes down that contacts are about to be shown in full. What cannot be written down is not shown.
    pub(super) async fn tell_revealed(
        &self,
        deed: Deed,
        about: Option<About>,
    ) -> Result<(), Problem> {
        let note = PeopleChange::Note(Note { deed, about, details: Details::new() });
        self.call.apply(Command::People(note), false).await.map(drop)
    }

    /// What tells a form of this page from one of another site, if somebody is signed in.
    pub(super) fn csrf(&self) -> Markup {
        let token = self.call.session().map(|session| &session.csrf);
        html! {
            @if let Some(token) = token { input type="hidden" name=(CSRF_FIELD) value=(token); }
        }
    }

    /// Answers a page, or a page that says what went wrong.
    pub(super) fn answer(&self, page: Result<Page, Problem>) -> Response {
        match page {
            Ok(page) => page::answer(&self.look, Some(self), &page),
            Err(problem) => page::problem(&self.look, Some(self), &problem, self.call.request_id()),
        }
    }

    /// Answers the page of a form again, of which something does not fit.
    pub(super) fn unfit(&self, page: Result<Page, Problem>) -> Response {
        let mut response = self.answer(page);
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        response
    }
}
