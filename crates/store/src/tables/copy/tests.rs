use super::*;

fn sum(rows: &[&[Value]]) -> Checksum {
    let mut summing = Summing::default();
    for row in rows {
        summing.add(row);
    }
    summing.end()
}

#[test]
fn whatever_differs_differs_in_the_checksum() {
    let text = |text: &str| Value::Text(text.into());
    let bytes = |text: &str| Value::Bytes(text.as_bytes().into());
    let rows: &[&[&[Value]]] = &[
        &[],
        &[&[Value::Null, Value::Null]],
        &[&[Value::Null], &[Value::Null], &[Value::Null]],
        &[&[text("ab"), text("c")]],
        &[&[text("a"), text("bc")]],
        &[&[bytes("a"), bytes("bc")]],
        &[&[Value::Integer(1)]],
        &[&[Value::Flag(true)]],
        &[&[Value::Integer(1)], &[Value::Integer(2)]],
        &[&[Value::Integer(2)], &[Value::Integer(1)]],
    ];
    for (place, one) in rows.iter().enumerate() {
        for other in &rows[place + 1..] {
            assert_ne!(sum(one), sum(other), "{one:?} and {other:?}");
        }
        assert_eq!(sum(one), sum(one));
    }
}

#[test]
fn every_write_shows_in_the_fingerprint() {
    let state = State { token_key: [7; 32], tenants: vec![[1; 8], [2; 8]] };
    let mut other = state.clone();
    other.token_key[31] = 8;
    assert_ne!(state.fingerprint(), other.fingerprint());
    for column in 0..8 {
        let mut other = state.clone();
        other.tenants[1][column] += 1;
        assert_ne!(state.fingerprint(), other.fingerprint(), "{column}");
    }
    assert_ne!(state.fingerprint(), State { tenants: vec![[1; 8]], ..state.clone() }.fingerprint());
    assert_eq!((state.entries(), state.rows()), (3, 15));
}
