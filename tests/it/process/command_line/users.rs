//! Users by command, beside a running service.

use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;

use crate::process::support::client::{PASSWORD, Tokens, login, me, refresh};
use crate::process::support::database::Storage;

#[test]
fn a_user_is_made_and_logs_in() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let create = |arguments: &[&str]| {
            let arguments = ["users", "create", "--password-stdin"].iter().chain(arguments);
            program.clone().args(arguments.copied()).input(&format!("{PASSWORD}\n")).run()
        };
        let text = create(&["root@example.org", "--superuser"]).with_code(0);
        assert!(text.contains("created superuser") && !text.contains(PASSWORD), "{text}");
        create(&["ann@example.org"]).with_code(0);
        assert!(create(&["Ann@Example.org"]).with_code(1).contains("already"));
        create(&["not an address"]).with_code(2);

        let service = program.start();
        let root = Tokens::of(&service.call(&login("root@example.org", PASSWORD)));
        service.call(&Call::get("/admin/users").bearer(&root.access)).expect(200);
        let ann = Tokens::of(&service.call(&login("ann@example.org", PASSWORD)));
        service.call(&Call::get("/admin/users").bearer(&ann.access)).expect(403);

        let set = program.clone().args(["users", "set-password", "ann@example.org", "--password-stdin"]);
        set.clone().input("password\n").run().with_code(1);
        service.call(&me(&ann.access)).expect(200);
        set.input("another pass phrase\n").run().with_code(0);
        service.call(&me(&ann.access)).expect(401);
        service.call(&refresh(&ann.refresh)).expect(401);
        service.call(&login("ann@example.org", PASSWORD)).expect(401);
        service.call(&login("ann@example.org", "another pass phrase")).expect(200);
        service.stop();
    }
}

#[test]
fn a_password_comes_from_no_command_line() {
    let folder = TempFolder::new();
    let program = Program::new(folder.path());
    let text = program.clone().args(["users", "create", "ann@example.org"]).run().with_code(2);
    assert!(text.contains("--password-stdin"), "{text}");
    program.clone().args(["users", "create", "ann@example.org", "--password", PASSWORD]).run().with_code(2);
    let nobody = ["users", "set-password", "nobody@example.org", "--password-stdin"];
    program.clone().args(nobody).input(&format!("{PASSWORD}\n")).run().with_code(1);
    let memory = program.env("DATABASE_URL", "memory:").args(nobody).run().with_code(2);
    assert!(memory.contains("DATABASE_URL"), "{memory}");
}
