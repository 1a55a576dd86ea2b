//! The doors of the console: signing in and out, the first user, one's own account; and the guard
//! before every page.
//!
//! All of it works without a script. A page that anybody may ask for says nothing about anybody.

mod account;
mod first;
pub(super) mod form;
pub(super) mod frame;
pub(super) mod guard;
mod sign_in;
mod visit;
mod wary;
pub(super) mod words;

use crate::server::Hub;
use axum::Router;
use axum::routing::{get, post};

/// Where people sign in.
const SIGN_IN: &str = "/console/sign-in";
/// Where they sign out.
const SIGN_OUT: &str = "/console/sign-out";
/// Where the first user is made.
const FIRST: &str = "/console/first";
/// Where they change their password and end their sessions.
const ACCOUNT: &str = "/console/account";

/// The pages.
pub(super) fn router() -> Router<Hub> {
    Router::new()
        .route(SIGN_IN, get(sign_in::page).post(sign_in::enter))
        .route(SIGN_OUT, post(sign_in::leave))
        .route(FIRST, get(first::page).post(first::create))
        .route(ACCOUNT, get(account::page))
        .route("/console/account/password", post(account::change_password))
        .route("/console/account/sessions/end", post(account::end_session))
        .route("/console/account/sign-out-everywhere", post(account::end_all))
}
