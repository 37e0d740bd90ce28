use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::histogram::Histogram;
use super::text::{Kind, Page};

/// Requests by operation. The operations are those of the OpenAPI document, so no input of a client becomes a label.
#[derive(Default)]
pub(crate) struct Requests {
    operations: Box<[OfOperation]>,
    in_flight: AtomicI64,
    aborted: AtomicU64,
}

/// An operation with its counters' labels.
#[derive(Clone, Debug)]
pub(crate) struct CountedOperation {
    /// The `operationId`.
    pub(crate) name: String,
    /// The documented statuses. Their counters exist from the start.
    pub(crate) statuses: Vec<u16>,
}

/// The index of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OperationIndex(pub(crate) usize);

impl OperationIndex {
    /// The index for requests without a matching route or method. It is the first one.
    pub(crate) const NONE: Self = Self(0);
}

/// The statuses with a counter of their own. Any other status, which no operation has, is counted as `other`.
const STATUSES: [u16; 22] = [
    200, 201, 204, 304, 400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 414, 415, 422, 429, 500, 501, 503,
    504,
];

struct OfOperation {
    operation: CountedOperation,
    /// By index of the status. The last entry counts any other status.
    by_status: [AtomicU64; STATUSES.len() + 1],
    durations: Histogram,
}

impl OfOperation {
    fn new(operation: CountedOperation) -> Self {
        Self { operation, by_status: Default::default(), durations: Histogram::default() }
    }
}

impl Requests {
    pub(crate) fn of(operations: impl IntoIterator<Item = CountedOperation>) -> Self {
        Self { operations: operations.into_iter().map(OfOperation::new).collect(), ..Self::default() }
    }

    /// Counts a request as in flight until it is answered or aborted.
    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { requests: self, answered: false }
    }

    pub(super) fn write(&self, page: &mut Page) {
        let mut total = page.metric(
            "inwren_http_requests_total",
            Kind::Counter,
            "Answered requests, by operation and HTTP status.",
        );
        for OfOperation { operation, by_status, .. } in &self.operations {
            for (place, count) in by_status.iter().enumerate() {
                let status = STATUSES.get(place).copied();
                let count = count.load(Ordering::Relaxed);
                if count > 0 || status.is_some_and(|status| operation.statuses.contains(&status)) {
                    let status = status.map_or_else(|| "other".to_owned(), |status| status.to_string());
                    total.sample(&[("operation", &operation.name), ("status", &status)], count);
                }
            }
        }
        let mut durations = page.metric(
            "inwren_http_request_duration_seconds",
            Kind::Histogram,
            "Duration of requests, from their headers to the response, by operation.",
        );
        for OfOperation { operation, durations: of_operation, .. } in &self.operations {
            of_operation.write(&mut durations, ("operation", &operation.name));
        }
        page.metric("inwren_http_requests_in_flight", Kind::Gauge, "Requests in progress.")
            .sample(&[], self.in_flight.load(Ordering::Relaxed));
        page.metric(
            "inwren_http_requests_aborted_total",
            Kind::Counter,
            "Requests whose client disconnected before the response.",
        )
        .sample(&[], self.aborted.load(Ordering::Relaxed));
    }
}

/// A request in flight. Dropping it without an answer counts it as aborted.
pub(crate) struct InFlight<'a> {
    requests: &'a Requests,
    answered: bool,
}

impl InFlight<'_> {
    /// Counts the response.
    pub(crate) fn answered(mut self, operation: OperationIndex, status: u16, took: Duration) {
        self.answered = true;
        let Some(counted) = self.requests.operations.get(operation.0) else { return };
        let place = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len());
        if let Some(count) = counted.by_status.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        counted.durations.observe(took);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.requests.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !self.answered {
            self.requests.aborted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(requests: &Requests) -> String {
        let mut page = Page::default();
        requests.write(&mut page);
        page.into_text()
    }

    #[test]
    fn documented_statuses_are_there_from_the_start_and_others_once_they_happen() {
        let requests = Requests::of([CountedOperation { name: "look".to_owned(), statuses: vec![200, 404] }]);
        let counts = |text: &str| {
            let lines = text.lines().filter(|line| line.starts_with("inwren_http_requests_total"));
            lines.map(|line| line.replace("inwren_http_requests_total", "")).collect::<Vec<_>>()
        };
        let none = [r#"{operation="look",status="200"} 0"#, r#"{operation="look",status="404"} 0"#];
        assert_eq!(counts(&page(&requests)), none);
        for status in [200, 200, 503, 299, 599] {
            requests.begin().answered(OperationIndex(0), status, Duration::from_millis(1));
        }
        let counted = [
            r#"{operation="look",status="200"} 2"#,
            r#"{operation="look",status="404"} 0"#,
            r#"{operation="look",status="503"} 1"#,
            r#"{operation="look",status="other"} 2"#,
        ];
        assert_eq!(counts(&page(&requests)), counted);
    }

    #[test]
    fn what_is_given_up_is_no_longer_in_flight() {
        let requests = Requests::default();
        let (one, other) = (requests.begin(), requests.begin());
        assert!(page(&requests).contains("inwren_http_requests_in_flight 2\n"));
        one.answered(OperationIndex(0), 200, Duration::ZERO);
        drop(other);
        let text = page(&requests);
        assert!(text.contains("inwren_http_requests_in_flight 0\n"), "{text}");
        assert!(text.contains("inwren_http_requests_aborted_total 1\n"), "{text}");
    }
}
