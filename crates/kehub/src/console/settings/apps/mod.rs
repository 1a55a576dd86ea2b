//! `/console/settings/apps`: the programs that use the hub, and what each may do.

mod list;
mod one;
pub(super) mod words;

use super::super::done;
use super::super::entry::form::Form;
use super::super::page::{Page, Place};
use super::super::visitor::Visitor;
use super::super::words::fill;
use crate::api::problem::{Code, Problem};
use crate::server::Hub;
use axum::Router;
use axum::routing::get;
use kehub_core::directory::{App, Permission};
use maud::{Markup, html};
use words::{Words, words};

/// Where apps are.
pub(in crate::console) const ADDRESS: &str = "/console/settings/apps";

/// The pages.
pub(super) fn router() -> Router<Hub> {
    Router::new()
        .route(ADDRESS, get(list::page).post(list::create))
        .route("/console/settings/apps/{id}", get(one::page).post(one::act))
}

/// The page that shows a secret, in the only moment in which it is known.
fn secret(visitor: &Visitor, app: &App, secret: &str) -> Page {
    let words = words(visitor.look.language);
    let title = fill(words.secret_title, &[&app.name]);
    let body = html! {
        header .title { h1 { (title) } }
        p .alert.info role="status" { (words.secret_about) }
        section .card.narrow {
            dl .fields {
                div .field { dt { (words.app_id) } dd { code { (app.id) } } }
                div .field { dt { (words.secret) } dd { code #secret { (secret) } } }
            }
            p .note.spaced { (words.secret_use) }
        }
        p { a .button.primary href={ (ADDRESS) "/" (app.number) } { (words.secret_done) } }
    };
    Page { title, place: Some(Place::Apps), body, search: String::new() }
}

/// A choice of permissions. What somebody lacks cannot be given, and can be taken away.
fn permissions(visitor: &Visitor, chosen: &[Permission], is_open: bool) -> Markup {
    let words = words(visitor.look.language);
    let own = &visitor.call.app().permissions;
    let lacks = Permission::ALL.iter().any(|it| !own.contains(it));
    html! {
        fieldset .choices.all disabled[!is_open] {
            legend { (words.permissions) }
            @for one in Permission::ALL {
                @let has = chosen.contains(one);
                label .check {
                    input type="checkbox" name="permission" value=(one.name()) checked[has]
                        disabled[!has && !own.contains(one)];
                    span { (permission(*one, words)) " " code .soft { (one.name()) } }
                }
            }
        }
        @if lacks { p .note { (words.not_held) } }
    }
}

/// Why a change of an app was refused.
fn why_not(visitor: &Visitor, problem: &Problem) -> String {
    if problem.code == Code::PermissionNotHeld {
        return words(visitor.look.language).wrong_held.to_owned();
    }
    done::why_not(visitor, problem)
}

/// What of the permissions of a form there is.
fn sent_permissions(sent: &Form) -> Vec<Permission> {
    sent.all("permission").filter_map(Permission::named).collect()
}

const fn permission(permission: Permission, words: &Words) -> &'static str {
    match permission {
        Permission::CustomersRead => words.p_customers_read,
        Permission::CustomersWrite => words.p_customers_write,
        Permission::CustomersDelete => words.p_customers_delete,
        Permission::IdentitiesWrite => words.p_identities_write,
        Permission::CustomersErase => words.p_customers_erase,
        Permission::IdentitiesMerge => words.p_identities_merge,
        Permission::PoliciesWrite => words.p_policies_write,
        Permission::ChangesRead => words.p_changes_read,
        Permission::WebhooksAdmin => words.p_webhooks_admin,
        Permission::AppsAdmin => words.p_apps_admin,
        Permission::WechatAdmin => words.p_wechat_admin,
        Permission::CustomersReveal => words.p_customers_reveal,
        Permission::UsersAdmin => words.p_users_admin,
    }
}
