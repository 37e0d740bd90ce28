//! Reloads files when they change. It polls them, also immediately on SIGHUP.

use std::future::Future;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

/// The polling interval.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// The identity of a file's version, found without reading the file. It follows links, because a link may get a new
/// target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

impl Stamp {
    /// The stamp of the current file. `None` if there is none.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Some(Self { inode: metadata.ino(), modified, size: metadata.len() })
    }
}

/// A value that is loaded from files, and reloaded when they change.
pub trait Watched: Send + Sync + 'static {
    /// The log message for invalid files.
    const REFUSED: &'static str;

    /// The files to watch.
    fn files(&self) -> Vec<PathBuf>;

    /// Loads the current files: all of them, or none with an error.
    fn reload(&mut self) -> impl Future<Output = Result<(), String>> + Send;

    /// Logs what is in force now.
    fn announce(&self);
}

/// Watches until the task is aborted. `in_force` has the stamps of the loaded files, in the order of
/// [`Watched::files`].
pub fn watch(watched: impl Watched, in_force: Vec<Option<Stamp>>) -> std::io::Result<JoinHandle<()>> {
    let hangup = signal(SignalKind::hangup())?;
    let watcher = Watcher { watched, in_force, complaint: None };
    Ok(tokio::spawn(watcher.run(hangup)))
}

struct Watcher<W> {
    watched: W,
    in_force: Vec<Option<Stamp>>,
    /// The last problem, which is not logged twice.
    complaint: Option<String>,
}

impl<W: Watched> Watcher<W> {
    async fn run(mut self, mut hangup: Signal) {
        loop {
            let is_signalled = tokio::select! {
                _ = hangup.recv() => true,
                () = tokio::time::sleep(BETWEEN_LOOKS) => false,
            };
            self.look(is_signalled).await;
        }
    }

    async fn look(&mut self, is_signalled: bool) {
        let files = self.watched.files();
        let stamps = move || files.iter().map(|path| Stamp::of(path)).collect::<Vec<_>>();
        // Take the stamps before reading the files, so that a file that changes meanwhile is read again.
        let Ok(stamps) = tokio::task::spawn_blocking(stamps).await else { return };
        if stamps == self.in_force && !is_signalled {
            return;
        }
        match self.watched.reload().await {
            Ok(()) => {
                self.in_force = stamps;
                self.complaint = None;
                self.watched.announce();
            }
            Err(problem) => {
                if is_signalled || self.complaint.as_ref() != Some(&problem) {
                    tracing::error!(%problem, "{}", W::REFUSED);
                }
                self.complaint = Some(problem);
            }
        }
    }
}
