use time::OffsetDateTime;

/// The only source of time.
pub trait Clock: Send + Sync {
    /// The time now. It MUST be in UTC and MUST NOT be finer than a microsecond, which is what every store keeps.
    fn now(&self) -> OffsetDateTime;
}
