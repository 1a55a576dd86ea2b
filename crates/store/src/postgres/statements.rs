//! The statements that one server and a cluster are asked alike, for tests that look at all of them. What
//! only one of them is asked stands in [`lookup`](super::lookup), [`owners`](super::owners) and
//! [`identified`](super::identified).

use super::{
    audit, begin, commit, duplicates, identified, imports, load, named, past, people, policy,
    query, review, trial, webhooks, wechat, write, writer,
};

pub(super) const ASKED_ALIKE: &[&[(&str, &str)]] = &[
    load::STATEMENTS,
    named::STATEMENTS,
    identified::ASKED_ALIKE,
    past::STATEMENTS,
    policy::STATEMENTS,
    query::STATEMENTS,
    review::STATEMENTS,
    trial::STATEMENTS,
    duplicates::STATEMENTS,
    write::STATEMENTS,
    webhooks::STATEMENTS,
    wechat::STATEMENTS,
    imports::STATEMENTS,
    people::STATEMENTS,
    audit::STATEMENTS,
    begin::STATEMENTS,
    commit::STATEMENTS,
    writer::STATEMENTS,
];
