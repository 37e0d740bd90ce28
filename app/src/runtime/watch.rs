//! Files that the running service goes over to when they change: looked at again and again, and at once on SIGHUP.

use std::future::Future;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

/// How often the files are looked at.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// What tells one file from the next without reading it. Links are followed: the next file may be another one's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

impl Stamp {
    /// Of the file that is there now, if there is one.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Some(Self { inode: metadata.ino(), modified, size: metadata.len() })
    }
}

/// What is made of files, and made again when they change.
pub trait Watched: Send + Sync + 'static {
    /// What the log says when changed files will not do.
    const REFUSED: &'static str;

    /// The files whose change is looked for.
    fn files(&self) -> Vec<PathBuf>;

    /// Goes over to the files as they are now: to all of them, or to none and tells what is wrong.
    fn reload(&mut self) -> impl Future<Output = Result<(), String>> + Send;

    /// Tells the log what is in force now.
    fn announce(&self);
}

/// Watches until the task is aborted. The stamps are those of the files that are in force, in the order of
/// [`Watched::files`].
pub fn watch(watched: impl Watched, in_force: Vec<Option<Stamp>>) -> std::io::Result<JoinHandle<()>> {
    let hangup = signal(SignalKind::hangup())?;
    let watcher = Watcher { watched, in_force, complaint: None };
    Ok(tokio::spawn(watcher.run(hangup)))
}

struct Watcher<W> {
    watched: W,
    in_force: Vec<Option<Stamp>>,
    /// What was wrong the last time, which is not said twice.
    complaint: Option<String>,
}

impl<W: Watched> Watcher<W> {
    async fn run(mut self, mut hangup: Signal) {
        loop {
            let told = tokio::select! {
                _ = hangup.recv() => true,
                () = tokio::time::sleep(BETWEEN_LOOKS) => false,
            };
            self.look(told).await;
        }
    }

    async fn look(&mut self, told: bool) {
        let files = self.watched.files();
        let stamps = move || files.iter().map(|path| Stamp::of(path)).collect::<Vec<_>>();
        // Taken before the files are read: one that changes meanwhile is read again.
        let Ok(stamps) = tokio::task::spawn_blocking(stamps).await else { return };
        if stamps == self.in_force && !told {
            return;
        }
        match self.watched.reload().await {
            Ok(()) => {
                self.in_force = stamps;
                self.complaint = None;
                self.watched.announce();
            }
            Err(problem) => {
                if told || self.complaint.as_ref() != Some(&problem) {
                    tracing::error!(%problem, "{}", W::REFUSED);
                }
                self.complaint = Some(problem);
            }
        }
    }
}
