//! The registry of statements: what servers are asked about customers. A test holds those of a cluster against
//! what a cluster accepts, and where the store is tested, nothing is asked about a table that a cluster
//! spreads that does not stand here.

use super::{
    audit, begin, check, cluster, commit, copy, duplicates, identified, imports, inserted, load,
    lookup, named, owners, past, people, policy, query, ranges, rebuild, retold, review, trial,
    webhooks, wechat, write, writer,
};
use std::collections::HashSet;
use std::sync::LazyLock;

/// What one server and a cluster are asked alike.
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
    ranges::STATEMENTS,
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

/// What only one server is asked.
const OF_ONE_SERVER: &[&[(&str, &str)]] =
    &[lookup::STATEMENTS, owners::STATEMENTS, identified::STATEMENTS, inserted::STATEMENTS];

/// What `kehub check` and `kehub rebuild` ask as well, which read everything.
pub(super) const READS_EVERYTHING: &[&[(&str, &str)]] = &[
    check::STATEMENTS,
    check::REACHING_OUT,
    check::OF_TENANTS,
    retold::STATEMENTS,
    rebuild::STATEMENTS,
];

/// What a cluster is asked, except for what is made up for a filter or a table.
pub(super) fn of_clusters() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_clusters = &[lookup::OF_CLUSTERS, inserted::OF_CLUSTERS];
    let all = ASKED_ALIKE.iter().chain(of_clusters).chain(READS_EVERYTHING);
    all.copied().flatten().copied()
}

/// Whether a statement stands here, or is about no table that a cluster spreads.
pub(super) fn is_registered(sql: &str, is_distributed: bool) -> bool {
    static OF_CLUSTERS: LazyLock<HashSet<Box<str>>> = LazyLock::new(|| {
        let of_tables = copy::statements().into_iter().map(|(_, sql, _)| sql.into());
        of_clusters().map(|(_, sql)| sql.into()).chain(of_tables).collect()
    });
    let is_of_one = || OF_ONE_SERVER.iter().copied().flatten().any(|(_, known)| *known == sql);
    let mut words = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_spread = |word: &str| cluster::SPREAD.iter().any(|spread| spread.table == word);
    OF_CLUSTERS.contains(sql)
        || (!is_distributed && is_of_one())
        || query::is_list(sql)
        || !words.any(is_spread)
}
