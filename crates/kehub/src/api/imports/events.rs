//! `GET /api/imports/{id}/events`.

use super::body::{Around, ImportBody};
use super::list::{find, known};
use crate::api::Call;
use crate::api::problem::Problem;
use crate::server::Hub;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use kehub_core::directory::Permission;
use kehub_core::import::{Import, State};
use kehub_core::{ImportId, TenantId};
use std::time::Duration;

/// How often it is looked how far an import has come.
const LOOK_PERIOD: Duration = Duration::from_millis(500);

/// Follow an import
///
/// Server-sent events. Each `progress` tells the import as `GET /api/imports/{id}` does: at once, and
/// whenever something has changed. The last one is an `end`: the import is done, failed, cancelled or
/// interrupted, or it was forgotten. When the stream breaks off before, ask again.
#[utoipa::path(get, path = "/api/imports/{id}/events", tag = "API imports")]
pub(crate) async fn api_import_events(call: Call) -> Result<Response, Problem> {
    call.require_only(Permission::CustomersRead)?;
    call.parameters().end()?;
    let first = known(&call).await?;
    let follower = Follower {
        hub: call.hub().clone(),
        tenant: call.tenant(),
        id: first.id,
        next: Some(first),
        told: None,
        is_over: false,
    };
    let events = stream::unfold(follower, Follower::event);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

struct Follower {
    hub: Hub,
    tenant: TenantId,
    id: ImportId,
    /// What was read already.
    next: Option<Import>,
    told: Option<ImportBody>,
    is_over: bool,
}

impl Follower {
    /// The next event; nothing after the end, when the hub ends, or when the store is away.
    async fn event(mut self) -> Option<(Result<Event, axum::Error>, Follower)> {
        if self.is_over {
            return None;
        }
        loop {
            let Some(import) = self.look().await? else {
                self.is_over = true;
                return Some((Ok(Event::default().event("end").data("{}")), self));
            };
            let body = self.body(&import);
            let now = self.hub.clock().now();
            let has_ended = match import.state_at(now) {
                State::Running => false,
                // It has its turn soon.
                State::Interrupted => !body.is_waiting(),
                State::Done | State::Failed | State::Cancelled => true,
            };
            if has_ended || self.told.as_ref() != Some(&body) {
                self.is_over = has_ended;
                let name = if has_ended { "end" } else { "progress" };
                let event = Event::default().event(name).json_data(&body);
                self.told = Some(body);
                return Some((event, self));
            }
            tokio::select! {
                () = self.hub.ended() => return None,
                () = tokio::time::sleep(LOOK_PERIOD) => (),
            }
        }
    }

    async fn look(&mut self) -> Option<Option<Import>> {
        match self.next.take() {
            Some(import) => Some(Some(import)),
            None => find(self.hub.store(), self.tenant, self.id).await.ok(),
        }
    }

    fn body(&self, import: &Import) -> ImportBody {
        let access = self.hub.access();
        ImportBody::of(import, &Around::new(&self.hub, &access, self.tenant))
    }
}
