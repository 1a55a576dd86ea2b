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
    /// `2024-03-05T12:30:15.5+08:00` and the like: always the year first, with four digits. A time may be
    /// `下午3:20` or `12时` behind any of them, and `T123000` behind a day without anything between its digits.
    pub(super) fn read(text: &str) -> Option<Written> {
        let text = text.trim();
        let mut plain: String = text.chars().filter_map(plain).collect();
        if text.ends_with(HOUR) {
            plain.push_str("00");
        }
        let plain = plain.replace(" -", "-").replace("- ", "-");
        let plain = plain.trim_end_matches([' ', ':']);
        let (day, rest) = match plain.split_once(['T', ' ']) {
            Some((day, rest)) => (day, rest.trim_start()),
            None => (plain, ""),
        };
        let is_compact = is_compact(day);
        let (half, rest) = Half::of(rest);
        let (year, month, day) = day_of(day.trim_end_matches('-'))?;
        let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
        let (time, zone) = rest.split_at_checked(zone_at)?;
        let (time, fraction) = time.trim_end().split_once('.').unwrap_or((time.trim_end(), ""));
        if !is_number(fraction) {
            return None;
        }
        let compact = is_compact.then(|| compact_time(time)).flatten();
        let (hour, minute, second) = compact.or_else(|| time_of(time))?;
        let hour = half.map_or(Some(hour), |half| half.hour(hour))?;
        let has_more = !(zone.is_empty() && fraction.is_empty()) || half.is_some();
        if time.is_empty() && has_more {
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

/// What stands behind the hour, also if no minutes follow.
const HOUR: [char; 2] = ['时', '点'];

/// A half of a day, for hours up to 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Morning,
    Afternoon,
}

impl Half {
    /// The half that is named before a time, and the time.
    fn of(text: &str) -> (Option<Half>, &str) {
        let named = [("上午", Half::Morning), ("下午", Half::Afternoon)];
        let mut found = named
            .into_iter()
            .filter_map(|(name, half)| Some((Some(half), text.strip_prefix(name)?.trim_start())));
        found.next().unwrap_or((None, text))
    }

    /// The hour of the day; `None` if this half has none that is written like this.
    fn hour(self, written: i8) -> Option<i8> {
        match (self, written) {
            (Half::Morning, 12) => Some(0),
            (Half::Morning, 0..12) | (Half::Afternoon, 12..24) => Some(written),
            (Half::Afternoon, 1..12) => Some(written + 12),
            (Half::Morning | Half::Afternoon, _) => None,
        }
    }
}

/// Words for parts of a date become what stands between its numbers.
fn plain(c: char) -> Option<char> {
    Some(match c {
        '年' | '月' | '/' => '-',
        '日' | '号' | '\u{3000}' | '\u{A0}' => ' ',
        '分' | '：' => ':',
        hour if HOUR.contains(&hour) => ':',
        '秒' => return None,
        '０'..='９' => char::from_u32(u32::from(c) - 0xFEE0)?,
        other => other,
    })
}

/// Whether a day is written `20240305`.
fn is_compact(day: &str) -> bool {
    day.len() == 8 && is_number(day)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn day_of(text: &str) -> Option<(i16, i8, i8)> {
    if is_compact(text) {
        let (year, rest) = text.split_at_checked(4)?;
        let (month, day) = rest.split_at_checked(2)?;
        return Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?));
    }
    let text = text.replace('.', "-");
    let mut parts = text.split('-').map(str::trim);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
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
        let fits = (1..=2).contains(&part.len()) && is_number(part);
        fits.then(|| part.parse::<i8>().ok()).flatten()
    });
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    parts.next().is_none().then_some((hour, minute, second))
}

/// A time such as `123015` or `1230`, as ISO 8601 has it behind a day without anything between its digits.
fn compact_time(text: &str) -> Option<(i8, i8, i8)> {
    if ![4, 6].contains(&text.len()) || !is_number(text) {
        return None;
    }
    let part = |from: usize| text.get(from..from + 2)?.parse::<i8>().ok();
    Some((part(0)?, part(2)?, part(4).unwrap_or(0)))
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
            ("20240305T123015", "2024-03-05T12:30:15Z"),
            ("20240305T123015.5+0800", "2024-03-05T12:30:15.5+0800"),
            ("20240305 1230", "2024-03-05T12:30:00Z"),
            ("20240305 12:30", "2024-03-05T12:30:00Z"),
            ("2024年3月5日12时", "2024-03-05T12:00:00Z"),
            ("2024年3月5日 9点 ", "2024-03-05T09:00:00Z"),
            ("2024年3月5日 下午3:20", "2024-03-05T15:20:00Z"),
            ("2024年3月5日下午3点20分", "2024-03-05T15:20:00Z"),
            ("2024/3/5 下午 3:20:15", "2024-03-05T15:20:15Z"),
            ("2024-03-05 下午3时", "2024-03-05T15:00:00Z"),
            ("2024-03-05 下午15:20", "2024-03-05T15:20:00Z"),
            ("2024-03-05 下午12:05", "2024-03-05T12:05:00Z"),
            ("2024-03-05 上午9:20", "2024-03-05T09:20:00Z"),
            ("2024-03-05 上午12:05", "2024-03-05T00:05:00Z"),
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
            "2024-03-05 1230",
            "20240305T12",
            "20240305T12301",
            "20240305T253000",
            "2024-03-05 下午",
            "2024-03-05 下午0:20",
            "2024-03-05 上午13:20",
            "2024-03-05 下午24:00",
            "下午3:20",
            "2024年3月5时",
        ] {
            let read = Written::read(text);
            assert!(read.is_none(), "{text}: {read:?}");
        }
    }
}
