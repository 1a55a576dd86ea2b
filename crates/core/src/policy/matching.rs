use crate::canonical::bare_mobile;

/// Whether a canonical value never matches anybody (identity page, "Values that never match").
/// `type_key` is the key of an identity type, `mobile` or `email` for those attributes.
pub fn is_blocked(type_key: &str, canonical: &str) -> bool {
    let lower = canonical.to_lowercase();
    is_placeholder(&lower)
        || is_zeros_or_dashes(canonical)
        || match type_key {
            "mobile" => is_made_up_mobile(canonical),
            "email" => is_made_up_email(&lower),
            _ => false,
        }
}

fn is_placeholder(lower: &str) -> bool {
    matches!(
        lower,
        "null"
            | "none"
            | "nan"
            | "undefined"
            | "n/a"
            | "unknown"
            | "anonymous"
            | "guest"
            | "true"
            | "false"
            | "0"
            | "-1"
            | "[object object]"
    )
}

/// Only zeros, or only dashes, or only both.
fn is_zeros_or_dashes(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| matches!(c, '0' | '０' | '-' | '－' | '‐'..='―'))
}

fn is_made_up_mobile(text: &str) -> bool {
    let bare = bare_mobile(text);
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    let mut bytes = digits.bytes();
    let repeated = bytes.next().is_some_and(|first| {
        first.is_ascii_digit() && digits.len() > 1 && bytes.all(|byte| byte == first)
    });
    repeated || matches!(digits, "12345678901" | "11234567890" | "12345678910" | "10123456789")
}

fn is_made_up_email(lower: &str) -> bool {
    let local = lower.split_once('@').map_or("", |(local, _)| local);
    matches!(local, "unknown" | "noemail" | "none" | "null" | "anonymous")
        || matches!(lower, "test@test.com" | "a@a.com")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_never_match() {
        for value in
            ["null", "None", "NaN", "N/A", "0", "-1", "[object Object]", "0000", "--", "-", "——"]
        {
            assert!(is_blocked("crm-id", value), "{value}");
        }
        for mobile in ["11111111111", "12345678901", "00000000000", "222-2222-2222", "+11111111111"]
        {
            assert!(is_blocked("mobile", mobile), "{mobile}");
        }
        for email in ["noemail@shop.cn", "test@test.com", "a@a.com", "NULL@x.com"] {
            assert!(is_blocked("email", email), "{email}");
        }
    }

    #[test]
    fn what_a_newcomer_types_first_matches() {
        for (kind, value) in [
            ("crm-id", "test"),
            ("email", "test@example.com"),
            ("crm-id", "100"),
            ("mobile", "13800000001"),
            ("crm-id", "11111111111"),
        ] {
            assert!(!is_blocked(kind, value), "{kind} {value}");
        }
    }
}
