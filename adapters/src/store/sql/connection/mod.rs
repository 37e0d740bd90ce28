//! Connecting to a database: URL, pools, timeouts, deadlines, and conversion of times and errors.

pub(super) mod batcher;
pub(super) mod connect;
pub(super) mod connect_error;
pub(super) mod database_clock;
pub(super) mod deadline;
pub(super) mod error;
pub(super) mod pool;
pub(super) mod statement_timeout;
pub(super) mod target;
pub(super) mod timestamp;

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use super::dialect::Dialect;
use pool::Pool;
use statement_timeout::StatementTimeout;
use timestamp::for_sqlite;

/// Wrapper for all statements, on a pool or in a transaction. It converts times into the form that the database stores,
/// limits the wait for an answer, and remembers failures.
#[derive(Debug)]
pub(super) struct Connection<C> {
    inner: C,
    timeout: StatementTimeout,
    failed: AtomicBool,
}

impl<C> Connection<C> {
    pub(super) fn new(inner: C, timeout: StatementTimeout) -> Self {
        Self { inner, timeout, failed: AtomicBool::new(false) }
    }

    pub(super) fn inner(&self) -> &C {
        &self.inner
    }

    pub(super) fn into_inner(self) -> (C, StatementTimeout) {
        (self.inner, self.timeout)
    }

    pub(super) fn timeout(&self) -> &StatementTimeout {
        &self.timeout
    }

    /// Returns whether a statement has failed. In PostgreSQL a failure aborts the transaction: its commit would roll
    /// back without an error.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    async fn noted<T>(&self, answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        let result = self.timeout.wait(answer).await;
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl Connection<Pool> {
    /// Uses any free connection of the pool.
    pub(super) fn on(pool: Pool) -> Self {
        let timeout = pool.timeout().clone();
        Self::new(pool, timeout)
    }
}

impl<C: ConnectionTrait> Connection<C> {
    fn adapted(&self, statement: Statement) -> Statement {
        match Dialect::of(&self.inner) {
            Dialect::Sqlite => for_sqlite(statement),
            Dialect::Postgres => statement,
        }
    }
}

#[async_trait]
impl<C: ConnectionTrait> ConnectionTrait for Connection<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.noted(self.inner.execute_raw(self.adapted(statement))).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.noted(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.noted(self.inner.query_one_raw(self.adapted(statement))).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.noted(self.inner.query_all_raw(self.adapted(statement))).await
    }
}
