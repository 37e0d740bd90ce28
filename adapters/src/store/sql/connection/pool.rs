use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use inwren_domain::store::PoolMetrics;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::database_clock::DatabaseClock;
use super::statement_timeout::StatementTimeout;
use crate::store::sql::dialect::Dialect;

/// A pool of connections that counts the callers that want one, because the driver does not report waiting callers.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    connections: DatabaseConnection,
    max: u32,
    wanted: Arc<AtomicU32>,
    timeout: StatementTimeout,
    clock: DatabaseClock,
    turns: Option<Turns>,
}

/// Turns of SQLite's writers, of which one writes at a time, and the longest wait for a turn.
#[derive(Clone, Debug)]
struct Turns {
    now: Arc<Mutex<()>>,
    max_wait: Duration,
}

impl Pool {
    pub(crate) fn new(connections: DatabaseConnection, max: u32, timeout: StatementTimeout) -> Self {
        let clock = DatabaseClock::default();
        Self { connections, max, wanted: Arc::default(), timeout, clock, turns: None }
    }

    /// Creates a pool of one connection that is not the only writer: each caller waits for its turn, at most this long.
    pub(crate) fn in_turns(
        connections: DatabaseConnection,
        timeout: StatementTimeout,
        max_wait: Duration,
    ) -> Self {
        let turns = Some(Turns { now: Arc::default(), max_wait });
        Self { turns, ..Self::new(connections, 1, timeout) }
    }

    /// Returns the limit of the wait for an answer.
    pub(crate) fn timeout(&self) -> &StatementTimeout {
        &self.timeout
    }

    /// Returns the database's clock. PostgreSQL only.
    pub(crate) fn clock(&self) -> &DatabaseClock {
        &self.clock
    }

    pub(crate) fn connections(&self) -> &DatabaseConnection {
        &self.connections
    }

    /// Begins a transaction. It holds one connection until the turn is dropped.
    pub(crate) async fn begin(
        &self,
        options: TransactionOptions,
    ) -> Result<(DatabaseTransaction, Turn), DbErr> {
        let turn = self.turn().await?;
        Ok((self.timeout.wait(self.connections.begin_with_options(options)).await?, turn))
    }

    /// Waits for the right to use a connection, or another one with which the pool takes turns.
    pub(crate) async fn turn(&self) -> Result<Turn, DbErr> {
        let claim = self.claim();
        let Some(turns) = &self.turns else { return Ok(Turn { _claim: claim, _taken: None }) };
        let taken = tokio::time::timeout(turns.max_wait, Arc::clone(&turns.now).lock_owned()).await;
        let taken = taken.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?;
        Ok(Turn { _claim: claim, _taken: Some(taken) })
    }

    /// Returns the current load.
    pub(crate) fn metrics(&self, name: &'static str) -> PoolMetrics {
        let (open, idle) = match Dialect::of(&self.connections) {
            Dialect::Postgres => {
                let pool = self.connections.get_postgres_connection_pool();
                (pool.size(), pool.num_idle())
            }
            Dialect::Sqlite => {
                let pool = self.connections.get_sqlite_connection_pool();
                (pool.size(), pool.num_idle())
            }
        };
        let mut idle = u32::try_from(idle).unwrap_or(u32::MAX).min(open);
        // A writer outside the pool may be active.
        if self.turns.as_ref().is_some_and(|turns| turns.now.try_lock().is_err()) {
            idle = 0;
        }
        let waiting = self.wanted.load(Ordering::Relaxed).saturating_sub(self.max);
        PoolMetrics { name, max: self.max, in_use: open - idle, idle, waiting }
    }

    fn claim(&self) -> Claim {
        self.wanted.fetch_add(1, Ordering::Relaxed);
        Claim(Arc::clone(&self.wanted))
    }
}

/// A caller's right to use a connection.
#[derive(Debug)]
pub(crate) struct Turn {
    _claim: Claim,
    _taken: Option<OwnedMutexGuard<()>>,
}

/// Counts a caller that has a connection or waits for one.
#[derive(Debug)]
struct Claim(Arc<AtomicU32>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl ConnectionTrait for Pool {
    fn get_database_backend(&self) -> DbBackend {
        self.connections.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let _claim = self.claim();
        self.connections.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let _claim = self.claim();
        self.connections.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let _claim = self.claim();
        self.connections.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let _claim = self.claim();
        self.connections.query_all_raw(statement).await
    }
}
