//! `GET /api/changes`.

use super::cursor;
use super::event::EventBody;
use crate::api::Call;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::server::access::Access;
use crate::server::problem::json;
use axum::http::StatusCode;
use axum::response::Response;
use kehub_core::directory::Permission;
use kehub_core::feed::{Cursor, Kind};
use kehub_store::{FeedPage, StoreError};
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

/// Events in an answer unless asked otherwise, and at most.
const LIMIT: usize = 50;
pub(super) const LIMIT_MAX: usize = 1000;
/// How long a call may wait for an event.
pub(super) const WAIT_SECONDS_MAX: u64 = 25;
/// The part of a request's time that it may spend waiting.
const WAIT_SHARE: f32 = 0.8;
/// How often a waiting call looks for what another process wrote: that is not announced.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// How long a call reads on through events that are not wanted.
const READ_TIME_MAX: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangesBody<'a> {
    items: Vec<EventBody<'a>>,
    next_cursor: String,
}

/// Follow the changes
///
/// Everything that happened to customers and identities, in order, each event once. Ask again with
/// `after` set to `nextCursor`, for ever: who began without `after` knows every live customer and
/// which identities it owns. With `wait` the answer is given as soon as there is an event. The texts
/// of identities are those of today, and `null` once they are erased.
#[utoipa::path(get, path = "/api/changes", tag = "API changes")]
pub(crate) async fn api_change_list(call: Call) -> Result<Response, Problem> {
    call.require(Permission::ChangesRead)?;
    // Before the first look, so that nothing comes unnoticed between two of them.
    let mut committed = call.store().committed();
    let newest = call.store().feed(call.tenant(), 0, 0).await?.newest;
    let mut parameters = call.parameters();
    let asked = Asked::read(&mut parameters, newest);
    parameters.end()?;

    let access = call.hub().access();
    let longest = call.hub().settings().request_timeout.mul_f32(WAIT_SHARE);
    let deadline = Instant::now() + asked.wait.min(longest);
    let mut cursor = asked.after;
    let page = loop {
        let page = asked.page(&call, &mut cursor).await?;
        let is_news = asked.wanted(&page, cursor, &access).next().is_some();
        if is_news || Instant::now() >= deadline {
            break page;
        }
        let look = deadline.min(Instant::now() + LOOK_PERIOD);
        tokio::select! {
            Ok(()) = committed.changed() => (),
            () = tokio::time::sleep_until(look) => (),
            () = call.hub().ended() => break page,
        }
    };
    let items: Vec<_> = asked.wanted(&page, cursor, &access).take(asked.limit).collect();
    let next = match items.last() {
        Some(item) if items.len() == asked.limit => item.place,
        Some(_) | None => end_of(&page).unwrap_or(cursor),
    };
    let next_cursor = cursor::text(next);
    Ok(json(StatusCode::OK, &ChangesBody { items, next_cursor }))
}

/// What a call asks for.
#[derive(Debug)]
struct Asked {
    after: Cursor,
    limit: usize,
    wait: Duration,
    /// All if empty.
    kinds: Vec<Kind>,
}

impl Asked {
    /// Reads the parameters of a feed that goes up to this position.
    fn read(parameters: &mut Parameters, newest: i64) -> Asked {
        let expected = "a `nextCursor` of this feed, or `latest`";
        let after = parameters.parsed("after", expected, |text| match text {
            "latest" => Some(Cursor::after(newest)),
            text => cursor::read(text).filter(|cursor| cursor.position <= newest),
        });
        let expected = format!("a whole number from 1 to {LIMIT_MAX}");
        let limit = parameters.parsed("limit", expected, |text| {
            text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit))
        });
        let expected = format!("seconds, from 0 to {WAIT_SECONDS_MAX}");
        let wait = parameters.parsed("wait", expected, |text| {
            text.parse().ok().filter(|seconds| *seconds <= WAIT_SECONDS_MAX)
        });
        let kinds = parameters.parsed("kinds", "kinds of events, separated by commas", |text| {
            text.split(',').map(|name| Kind::named(name.trim())).collect()
        });
        Asked {
            after: after.unwrap_or(Cursor::START),
            limit: limit.unwrap_or(LIMIT),
            wait: Duration::from_secs(wait.unwrap_or(0)),
            kinds: kinds.unwrap_or_default(),
        }
    }

    /// A page that holds an event which is wanted, or else the last one. The cursor is moved past
    /// the pages before it.
    async fn page(&self, call: &Call, cursor: &mut Cursor) -> Result<FeedPage, StoreError> {
        let started = Instant::now();
        let entries_max = if self.kinds.is_empty() { self.limit } else { LIMIT_MAX };
        let access = call.hub().access();
        loop {
            let page = call.store().feed(call.tenant(), cursor.settled(), entries_max).await?;
            let is_last = page.entries.len() < entries_max || started.elapsed() > READ_TIME_MAX;
            if is_last || self.wanted(&page, *cursor, &access).next().is_some() {
                return Ok(page);
            }
            *cursor = end_of(&page).unwrap_or(*cursor);
        }
    }

    fn wanted<'a>(
        &self,
        page: &'a FeedPage,
        after: Cursor,
        access: &'a Access,
    ) -> impl Iterator<Item = EventBody<'a>> {
        EventBody::of(page, access).filter(move |item| {
            let kind = item.event.kind();
            item.place > after && (self.kinds.is_empty() || self.kinds.contains(&kind))
        })
    }
}

fn end_of(page: &FeedPage) -> Option<Cursor> {
    Some(Cursor::after(page.entries.last()?.position))
}
