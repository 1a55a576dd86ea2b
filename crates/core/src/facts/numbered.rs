//! Much about many, in few bytes.

use std::collections::HashMap;

/// How many numbers stand together.
const PAGE: i64 = 1024;

/// A value for each number, of which most are given out one after the other. A number that is far out,
/// as damage may make it, costs one page.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbered<T> {
    pages: HashMap<i64, Box<[T]>>,
}

impl<T: Copy + Default> Numbered<T> {
    /// The value of a number; the default if none was set.
    pub(super) fn get(&self, number: i64) -> T {
        let page = self.pages.get(&number.div_euclid(PAGE));
        page.and_then(|page| page.get(place(number))).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, number: i64, value: T) {
        let page = self.pages.entry(number.div_euclid(PAGE));
        let page = page.or_insert_with(|| (0..PAGE).map(|_| T::default()).collect());
        if let Some(known) = page.get_mut(place(number)) {
            *known = value;
        }
    }
}

fn place(number: i64) -> usize {
    usize::try_from(number.rem_euclid(PAGE)).unwrap_or_default()
}
