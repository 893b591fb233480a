//! Sizes such as `32MiB` and durations such as `1m`.

use std::time::Duration;

/// Bytes. `KB` is 1000 of them, `KiB` 1024.
pub(super) fn size(text: &str) -> Result<usize, String> {
    const HELP: &str = "write a size such as \"32MiB\" or \"500KB\"";
    let (number, unit) = split(text).ok_or(HELP)?;
    let factor: u64 = match unit {
        "B" | "" => 1,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(HELP.into()),
    };
    number
        .checked_mul(factor)
        .filter(|bytes| *bytes > 0)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or_else(|| "must be more than nothing, and fit into memory".into())
}

/// A time span of at least a millisecond and at most a year.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const HELP: &str = "write a duration such as \"30s\", \"1m\", \"1h\" or \"500ms\"";
    const YEAR_MS: u64 = 366 * 24 * 3_600_000;
    let (number, unit) = split(text).ok_or(HELP)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        _ => return Err(HELP.into()),
    };
    number
        .checked_mul(milliseconds)
        .filter(|total| (1..=YEAR_MS).contains(total))
        .map(Duration::from_millis)
        .ok_or_else(|| "must be more than nothing and at most a year".into())
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start()))
}
