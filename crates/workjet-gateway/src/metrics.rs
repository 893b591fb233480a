//! Counters, and their text for Prometheus.
//!
//! Labels come from fixed lists (dialects, codes, provider kinds, built-in detectors), never from a caller, a tenant or
//! a user: the number of series is bounded and nothing in them tells who did what.
//! The format is Prometheus' [text exposition format](https://prometheus.io/docs/instrumenting/exposition_formats/).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use workjet_dlp::{Detector, Preset};

/// The upper bounds of the latency buckets, in milliseconds: models answer in a few hundred to a few ten thousand.
const BUCKETS_MS: [u64; 10] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 120_000];

/// The detectors that are named, those of packs included; a tenant's own patterns count as `custom`.
const NAMED: [Preset; 3] = [Preset::Standard, Preset::Health, Preset::European];

/// Every series, in the order in which they are printed.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counters: Mutex<BTreeMap<Series, u64>>,
    latencies: Mutex<BTreeMap<&'static str, Histogram>>,
    in_flight: Arc<AtomicI64>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    name: &'static str,
    labels: Vec<(&'static str, &'static str)>,
}

#[derive(Debug, Default)]
struct Histogram {
    buckets: [u64; BUCKETS_MS.len()],
    count: u64,
    sum_ms: u64,
}

/// A request on its way; gone when dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<AtomicI64>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Counts a request as being served until the guard is dropped.
    pub(crate) fn begin(&self) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(&self.in_flight))
    }

    /// A request that was answered with `code`, after `latency`.
    pub(crate) fn request(&self, surface: &'static str, code: &'static str, latency: Duration) {
        self.add(
            "workjet_requests_total",
            vec![("surface", surface), ("code", code)],
            1,
        );
        let ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = latencies.entry(surface).or_default();
        histogram.count += 1;
        histogram.sum_ms = histogram.sum_ms.saturating_add(ms);
        for (bound, bucket) in BUCKETS_MS.iter().zip(&mut histogram.buckets) {
            *bucket += u64::from(ms <= *bound);
        }
    }

    /// One attempt at a provider of `kind`.
    pub(crate) fn attempt(&self, kind: &'static str, result: &'static str) {
        self.add(
            "workjet_provider_attempts_total",
            vec![("kind", kind), ("result", result)],
            1,
        );
    }

    /// `count` findings of `detector`.
    pub(crate) fn findings(&self, direction: &'static str, detector: &str, action: &'static str, count: u64) {
        let detector = NAMED
            .iter()
            .flat_map(|pack| pack.detectors())
            .map(Detector::as_str)
            .find(|known| *known == detector)
            .unwrap_or("custom");
        let labels = vec![
            ("direction", direction),
            ("detector", detector),
            ("action", action),
        ];
        self.add("workjet_dlp_findings_total", labels, count);
    }

    /// Tokens of one class.
    pub(crate) fn tokens(&self, class: &'static str, count: u64) {
        self.add("workjet_tokens_total", vec![("class", class)], count);
    }

    /// What was spent.
    pub(crate) fn cost(&self, nano_usd: u64) {
        self.add("workjet_cost_nano_usd_total", Vec::new(), nano_usd);
    }

    fn add(&self, name: &'static str, labels: Vec<(&'static str, &'static str)>, amount: u64) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let value = counters.entry(Series { name, labels }).or_default();
        *value = value.saturating_add(amount);
    }

    /// Everything, as text.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        let mut announced = "";
        for (series, value) in &*self.counters.lock().unwrap_or_else(PoisonError::into_inner) {
            if announced != series.name {
                announced = series.name;
                let _ = writeln!(text, "# TYPE {announced} counter");
            }
            let labels: Vec<String> = series
                .labels
                .iter()
                .map(|(name, value)| format!("{name}=\"{value}\""))
                .collect();
            let braces = if labels.is_empty() {
                String::new()
            } else {
                format!("{{{}}}", labels.join(","))
            };
            let _ = writeln!(text, "{}{braces} {value}", series.name);
        }
        let _ = writeln!(text, "# TYPE workjet_requests_in_flight gauge");
        let _ = writeln!(
            text,
            "workjet_requests_in_flight {}",
            self.in_flight.load(Ordering::Relaxed)
        );
        self.write_latencies(&mut text);
        text
    }

    fn write_latencies(&self, text: &mut String) {
        let name = "workjet_request_duration_seconds";
        let _ = writeln!(text, "# TYPE {name} histogram");
        for (surface, histogram) in &*self.latencies.lock().unwrap_or_else(PoisonError::into_inner) {
            for (bound, count) in BUCKETS_MS.iter().zip(histogram.buckets) {
                let seconds = Duration::from_millis(*bound).as_secs_f64();
                let _ = writeln!(
                    text,
                    "{name}_bucket{{surface=\"{surface}\",le=\"{seconds}\"}} {count}"
                );
            }
            let _ = writeln!(
                text,
                "{name}_bucket{{surface=\"{surface}\",le=\"+Inf\"}} {}",
                histogram.count
            );
            let sum = Duration::from_millis(histogram.sum_ms).as_secs_f64();
            let _ = writeln!(text, "{name}_sum{{surface=\"{surface}\"}} {sum}");
            let _ = writeln!(text, "{name}_count{{surface=\"{surface}\"}} {}", histogram.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_become_prometheus_text() {
        let metrics = Metrics::default();
        let guard = metrics.begin();
        metrics.request("openai", "ok", Duration::from_millis(70));
        metrics.request("openai", "ok", Duration::from_millis(700));
        metrics.findings("request", "employee_id", "redact", 2);
        metrics.findings("request", "email", "redact", 1);
        metrics.findings("request", "iban", "hash", 1);
        let text = metrics.to_text();
        for line in [
            "# TYPE workjet_requests_total counter",
            "workjet_requests_total{surface=\"openai\",code=\"ok\"} 2",
            "workjet_dlp_findings_total{direction=\"request\",detector=\"custom\",action=\"redact\"} 2",
            "workjet_dlp_findings_total{direction=\"request\",detector=\"email\",action=\"redact\"} 1",
            "workjet_dlp_findings_total{direction=\"request\",detector=\"iban\",action=\"hash\"} 1",
            "workjet_requests_in_flight 1",
            "workjet_request_duration_seconds_bucket{surface=\"openai\",le=\"0.1\"} 1",
            "workjet_request_duration_seconds_bucket{surface=\"openai\",le=\"1\"} 2",
            "workjet_request_duration_seconds_count{surface=\"openai\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        drop(guard);
        assert!(metrics.to_text().contains("workjet_requests_in_flight 0"));
    }
}
