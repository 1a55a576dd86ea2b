//! Kehub, the customer hub.
fn main() {}
