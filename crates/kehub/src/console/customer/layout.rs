//! Where nodes of a picture stand: in columns, each in its row, so that no two lie on each other
//! however many there are, and in an order in which few lines cross.

/// Times that columns are sorted by their neighbours; it settles before that.
const ROUNDS: usize = 6;

/// The order of the nodes in each column: by where those that they are connected with stand.
pub(super) fn ordered(mut columns: Vec<Vec<usize>>, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let count = columns.iter().flatten().max().map_or(0, |last| last + 1);
    let mut neighbours = vec![Vec::new(); count];
    for (one, other) in edges {
        for (node, beside) in [(one, other), (other, one)] {
            if let Some(list) = neighbours.get_mut(*node) {
                list.push(*beside);
            }
        }
    }
    let mut places = vec![0.0; count];
    for column in &columns {
        place(column, &mut places);
    }
    for round in 0..ROUNDS {
        let last = columns.len().saturating_sub(1);
        for at in 0..columns.len() {
            // From left to right, then back.
            let at = if round % 2 == 0 { at } else { last - at };
            let Some(column) = columns.get_mut(at) else { continue };
            let mean = |node: &usize| {
                let beside = neighbours.get(*node).map_or(&[][..], Vec::as_slice);
                let own = places.get(*node).copied().unwrap_or_default();
                let sum: f64 = beside.iter().filter_map(|it| places.get(*it)).sum();
                match u32::try_from(beside.len()) {
                    Ok(0) | Err(_) => own,
                    Ok(number) => sum / f64::from(number),
                }
            };
            column.sort_by(|one, other| mean(one).total_cmp(&mean(other)));
            place(column, &mut places);
        }
    }
    columns
}

/// Spreads a column evenly from 0 to 1.
fn place(column: &[usize], places: &mut [f64]) {
    let rows = f64::from(u32::try_from(column.len().max(1)).unwrap_or(u32::MAX));
    for (row, node) in (0_u32..).zip(column) {
        if let Some(place) = places.get_mut(*node) {
            *place = (f64::from(row) + 0.5) / rows;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many lines between the same two columns cross.
    fn crossings(columns: &[Vec<usize>], edges: &[(usize, usize)]) -> usize {
        let place = |node: usize| {
            let rows = |column: &Vec<usize>| column.iter().position(|it| *it == node);
            let mut found = columns.iter().enumerate();
            found.find_map(|(at, column)| Some((at, rows(column)?))).unwrap()
        };
        let lines = edges.iter().map(|(one, other)| {
            let ((from, begin), (to, end)) = (place(*one), place(*other));
            [from, to, begin, end]
        });
        let lines: Vec<[usize; 4]> = lines.collect();
        let cross = |[from, to, begin, end]: &[usize; 4], other: &[usize; 4]| {
            [*from, *to] == other[..2] && *begin < other[2] && *end > other[3]
        };
        lines.iter().map(|one| lines.iter().filter(|other| cross(one, other)).count()).sum()
    }

    #[test]
    fn lines_that_need_not_cross_do_not() {
        // Two stars and a chain, told in an order in which everything crosses.
        let columns = vec![vec![0, 1, 2], vec![3, 4, 5, 6, 7, 8], vec![9, 10, 11]];
        let edges = [
            (0, 8),
            (0, 7),
            (1, 6),
            (1, 5),
            (2, 4),
            (2, 3),
            (8, 9),
            (7, 9),
            (6, 10),
            (5, 10),
            (4, 11),
            (3, 11),
        ];
        assert!(crossings(&columns, &edges) > 0);
        let tidy = ordered(columns.clone(), &edges);
        assert_eq!(crossings(&tidy, &edges), 0, "{tidy:?}");
        for (before, after) in columns.iter().zip(&tidy) {
            let mut after = after.clone();
            after.sort_unstable();
            assert_eq!(before, &after);
        }
        assert_eq!(tidy, ordered(columns, &edges), "the same picture every time");
    }

    #[test]
    fn nothing_and_lone_nodes_are_laid_out_too() {
        assert_eq!(ordered(Vec::new(), &[]), Vec::<Vec<usize>>::new());
        assert_eq!(ordered(vec![vec![1, 0], vec![]], &[]), [vec![1, 0], vec![]]);
    }
}
