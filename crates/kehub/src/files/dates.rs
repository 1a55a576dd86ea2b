//! Days and moments as people write them, in the form that the wire reads.

use jiff::civil::DateTime;

/// A day, perhaps with a time and what follows it: a zone, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    moment: DateTime,
    fraction: String,
    zone: String,
}

impl Written {
    /// Reads `2024年3月5日`, `2024/3/5`, `2024.03.05`, `20240305`, `2024-03-05 12:30`,
    /// `2024-03-05T12:30:15.5+08:00` and the like: always the year first, with four digits.
    pub(super) fn read(text: &str) -> Option<Written> {
        let plain: String = text.trim().chars().filter_map(plain).collect();
        let plain = plain.replace(" -", "-").replace("- ", "-");
        let plain = plain.trim_end_matches([' ', ':']);
        let (day, rest) = match plain.split_once(['T', ' ']) {
            Some((day, rest)) => (day, rest.trim_start()),
            None => (plain, ""),
        };
        let (year, month, day) = day_of(day.trim_end_matches('-'))?;
        let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
        let (time, zone) = rest.split_at_checked(zone_at)?;
        let (time, fraction) = time.trim_end().split_once('.').unwrap_or((time.trim_end(), ""));
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (hour, minute, second) = time_of(time)?;
        if time.is_empty() && !(zone.is_empty() && fraction.is_empty()) {
            return None;
        }
        let moment = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        (year >= 1).then_some(())?;
        Some(Written { moment, fraction: fraction.to_owned(), zone: zone.to_uppercase() })
    }

    /// As `yyyy-MM-dd`.
    pub(super) fn day(&self) -> String {
        self.moment.date().to_string()
    }

    /// As `yyyy-MM-ddTHH:mm:ss` with its zone, or with this one if it names none.
    pub(super) fn moment(&self, zone: &str) -> String {
        let zone = if self.zone.is_empty() { zone } else { &self.zone };
        let point = if self.fraction.is_empty() { "" } else { "." };
        let moment = self.moment.strftime("%Y-%m-%dT%H:%M:%S");
        format!("{moment}{point}{}{zone}", self.fraction)
    }
}

/// Words for parts of a date become what stands between its numbers.
fn plain(c: char) -> Option<char> {
    Some(match c {
        '年' | '月' | '/' => '-',
        '日' | '号' | '\u{3000}' | '\u{A0}' => ' ',
        '时' | '点' | '分' | '：' => ':',
        '秒' => return None,
        '０'..='９' => char::from_u32(u32::from(c) - 0xFEE0)?,
        other => other,
    })
}

fn day_of(text: &str) -> Option<(i16, i8, i8)> {
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let (year, rest) = text.split_at_checked(4)?;
        let (month, day) = rest.split_at_checked(2)?;
        return Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?));
    }
    let text = text.replace('.', "-");
    let mut parts = text.split('-').map(str::trim);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = year.len() == 4
        && [month, day].iter().all(|part| (1..=2).contains(&part.len()))
        && [year, month, day].into_iter().all(is_number)
        && parts.next().is_none();
    fits.then_some(())?;
    Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}

/// Hours, minutes and seconds; all of them 0 if there is no time.
fn time_of(text: &str) -> Option<(i8, i8, i8)> {
    if text.is_empty() {
        return Some((0, 0, 0));
    }
    let mut parts = text.split(':').map(|part| {
        let fits = (1..=2).contains(&part.len()) && part.bytes().all(|it| it.is_ascii_digit());
        fits.then(|| part.parse::<i8>().ok()).flatten()
    });
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    parts.next().is_none().then_some((hour, minute, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_in_the_usual_forms() {
        for text in [
            "2024-03-05",
            "2024-3-5",
            "2024/3/5",
            "2024/03/05",
            "2024.3.5",
            "2024年3月5日",
            "20240305",
            "2024年03月05号",
            " 2024 年 3 月 5 日 ",
            "２０２４-０３-０５",
            "2024-03-05 00:00:00",
            "2024/3/5 12:30",
            "2024-03-05T12:30:15Z",
            "2024年3月5日 12时30分",
            "2024年3月5日12:30:15",
        ] {
            let read = Written::read(text).map(|written| written.day());
            assert_eq!(read.as_deref(), Some("2024-03-05"), "{text}");
        }
    }

    #[test]
    fn moments_with_and_without_seconds_and_zones() {
        for (text, moment) in [
            ("2024-03-05 12:30", "2024-03-05T12:30:00Z"),
            ("2024/3/5 9:05:07", "2024-03-05T09:05:07Z"),
            ("2024年3月5日 12时30分15秒", "2024-03-05T12:30:15Z"),
            ("2024年3月5日 12点30分", "2024-03-05T12:30:00Z"),
            ("2024-03-05", "2024-03-05T00:00:00Z"),
            ("2024-03-05T12:30:15.250+0800", "2024-03-05T12:30:15.250+0800"),
            ("2024-03-05T12:30:15z", "2024-03-05T12:30:15Z"),
        ] {
            let read = Written::read(text).map(|written| written.moment("Z"));
            assert_eq!(read.as_deref(), Some(moment), "{text}");
        }
        let local = Written::read("2024-03-05 12:30").unwrap();
        assert_eq!(local.moment("+08:00"), "2024-03-05T12:30:00+08:00");
    }

    #[test]
    fn what_is_no_day_or_may_be_two_is_not_guessed() {
        for text in [
            "",
            "2024",
            "2024-13-01",
            "2024-02-30",
            "24-3-5",
            "3/5/2024",
            "05.03.2024",
            "45356",
            "2024-3",
            "2024-03-05 25:00",
            "2024-03-05 12",
            "2024-03-05Z",
            "2024-03-05 12:30.x",
            "2024-03-05 1:2:3:4",
            "王芳",
            "0000-01-01",
            "2024-03-05 noon",
        ] {
            let read = Written::read(text);
            assert!(read.is_none(), "{text}: {read:?}");
        }
    }
}
