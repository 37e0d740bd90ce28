//! The generated pages of the documentation match the code.

use std::path::Path;

use inwren_tests::process::Program;
use inwren_tests::stores::TempFolder;

#[test]
fn the_reference_is_current() {
    let folder = TempFolder::new();
    for page in ["configuration", "problems", "command-line"] {
        let finished = Program::bare(folder.path()).args(["reference", page]).run();
        let file = format!("docs/reference/{page}.md");
        let committed =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&file)).unwrap();
        assert!(finished.output == committed, "run `inwren reference {page} > {file}`");
        finished.with_code(0);
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "something was made");
}
