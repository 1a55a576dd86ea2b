//! Cursors: where a page ended, as a text that callers hand back. A cursor is a place in an order
//! and not a number of rows, so a list may change while it is read.

use kehub_core::CustomerId;
use kehub_core::attribute::{Real, Value};
use kehub_core::filter::{Order, Position};
use serde_json::{Value as Json, json};

/// A cursor for what stands behind a position.
pub(crate) fn write(order: &Order, position: &Position) -> String {
    let value = match &position.value {
        None => Json::Null,
        Some(Value::Text(text)) => json!(text),
        Some(Value::Integer(number)) => json!(number),
        Some(Value::Decimal(number)) => json!(number.get()),
        Some(Value::Flag(flag)) => json!(flag),
    };
    hex::encode(json!([named(order), value, position.id.0]).to_string())
}

/// The position of a cursor; `None` if it is none, or one of a list in another order.
pub(crate) fn read(order: &Order, text: &str) -> Option<Position> {
    let bytes = hex::decode(text).ok()?;
    let (order_of, value, id): (String, Json, i64) = serde_json::from_slice(&bytes).ok()?;
    if order_of != named(order) {
        return None;
    }
    let value = match value {
        Json::Null => None,
        Json::String(text) => Some(Value::Text(text.into())),
        Json::Bool(flag) => Some(Value::Flag(flag)),
        Json::Number(number) => Some(match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => Value::Decimal(Real::new(number.as_f64()?)?),
        }),
        Json::Array(_) | Json::Object(_) => return None,
    };
    Some(Position { value, id: CustomerId(id) })
}

/// An order as the parameter `sort` names it.
fn named(order: &Order) -> String {
    let sign = if order.descending { "-" } else { "" };
    format!("{sign}{}", order.by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kehub_core::filter::SortKey;

    #[test]
    fn a_cursor_is_read_as_it_was_written_in_its_own_order_only() {
        let order = |name: &str| Order { by: SortKey::named(name).unwrap(), descending: true };
        let values = [
            None,
            Some(Value::Text("上海\"".into())),
            Some(Value::Integer(i64::MIN)),
            Some(Value::Decimal(Real::new(0.1).unwrap())),
            Some(Value::Flag(true)),
        ];
        for value in values {
            let position = Position { value, id: CustomerId(7) };
            let cursor = write(&order("attr.a"), &position);
            assert_eq!(read(&order("attr.a"), &cursor), Some(position));
            assert_eq!(read(&order("name"), &cursor), None);
            let ascending = Order { descending: false, ..order("attr.a") };
            assert_eq!(read(&ascending, &cursor), None);
            assert_eq!(read(&order("attr.a"), &cursor[1..]), None);
        }
        for text in ["", "7", "zz", &hex::encode("[]"), &hex::encode(r#"["-attr.a",[],7]"#)] {
            assert_eq!(read(&order("attr.a"), text), None, "{text}");
        }
    }
}
