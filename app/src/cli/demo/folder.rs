use std::fs::{DirBuilder, remove_dir_all};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// A new folder for the keys of the demo, which only its owner may read. It is deleted on drop.
pub(super) struct DemoFolder(PathBuf);

impl DemoFolder {
    pub(super) fn create() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("inwren-demo-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        let _ = remove_dir_all(&self.0);
    }
}
