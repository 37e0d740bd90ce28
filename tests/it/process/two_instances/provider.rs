//! A login to an application, whose requests reach one instance or the other.

use inwren_tests::app::forge;
use inwren_tests::process::Service;

use super::{Instances, statuses};
use crate::process::support::application::{
    Application, Browser, code_in, expect_invalid_grant, returned, userinfo,
};
use crate::process::support::client::{PASSWORD, Tokens, register};
use crate::process::support::factors::Member;

const ANN: &str = "ann@example.org";
const ALLOW: [(&str, &str); 1] = [("action", "allow")];

impl Instances {
    /// Registers an application. Opens new connections, because the command takes time.
    fn application(&mut self, options: &[&str]) -> Application {
        let application = Application::register(&self.program, "wiki", options);
        self.lines = self.services.each_ref().map(Service::connect);
        application
    }

    /// Checks that both instances refuse these tokens.
    #[track_caller]
    fn expect_refused(&mut self, application: &Application, tokens: &Tokens) {
        let call = userinfo(&tokens.access);
        self.a(&call).expect(401);
        self.b(&call).expect(401);
        let call = application.refresh(&tokens.refresh);
        expect_invalid_grant(&self.b(&call));
        expect_invalid_grant(&self.a(&call));
    }

    /// Logs the browser out at the first instance, on a page of the second one.
    #[track_caller]
    fn log_out(&mut self, browser: &mut Browser) {
        let page = browser.open(&mut self.lines[1], "/logout").expect("a page").expect(200);
        let done = browser.submit(&mut self.lines[0], &page, "/logout", &[]);
        done.expect("a page").expect(200);
    }
}

#[test]
fn login_goes_from_one_to_the_other() {
    const ROUNDS: usize = 5;
    let mut both = Instances::start();
    let wiki = both.application(&[]);
    for round in 0..ROUNDS {
        let email = format!("ann-{round}@example.org");
        both.a(&register(&email, PASSWORD)).expect(201);
        let (mut browser, request) = (Browser::default(), wiki.request());
        let page = browser.log_in(&mut both.lines[0], &request, &email).unwrap().expect(200);
        let answer = browser.submit(&mut both.lines[1], &page, "/consent", &ALLOW).unwrap();
        let tokens = Tokens::of(&both.b(&wiki.exchange(&request, &code_in(&answer))));
        both.a(&userinfo(&tokens.access)).expect(200);
        let tokens = Tokens::of(&both.a(&wiki.refresh(&tokens.refresh)));
        both.b(&userinfo(&tokens.access)).expect(200);

        // The browser is logged in at both, and the consent holds at both.
        code_in(&browser.open(&mut both.lines[0], &wiki.request().silent()).unwrap());
        let mut former = browser.clone();
        both.log_out(&mut browser);
        both.expect_refused(&wiki, &tokens);
        let answer = former.open(&mut both.lines[1], &wiki.request().silent()).unwrap();
        assert_eq!(returned(&answer, "error").as_deref(), Some("login_required"), "{answer:?}");
    }
    let ended = both.count("sessions WHERE revoked_at IS NOT NULL");
    assert_eq!(ended, i64::try_from(2 * ROUNDS).unwrap(), "one of the browser and one of the application");
    let logs = both.stop().concat();
    assert!(!logs.contains("ERROR") && !logs.contains("panicked"), "{logs}");
}

#[test]
fn second_factor_is_entered_at_the_other() {
    let mut both = Instances::with(|program| program.env("TOTP_SKEW_STEPS", "2"));
    let mut ann = Member::join(&both.services[0], ANN);
    let code = ann.app.code();
    let wiki = both.application(&[]);
    let (mut browser, request) = (Browser::default(), wiki.request());
    let page = browser.log_in(&mut both.lines[0], &request, ANN).unwrap().expect(200);
    let fields = [("code", code.as_str())];
    let page = browser.submit(&mut both.lines[1], &page, "/login/factor", &fields).unwrap().expect(200);
    let answer = browser.submit(&mut both.lines[0], &page, "/consent", &ALLOW).unwrap();
    let answer = both.b(&wiki.exchange(&request, &code_in(&answer)));
    let tokens = Tokens::of(&answer);
    assert_eq!(forge::open(&answer.text("id_token")).1["acr"], "aal2");
    both.a(&userinfo(&tokens.access)).expect(200);
    both.log_out(&mut browser);
    both.expect_refused(&wiki, &tokens);
}

#[test]
fn code_at_both_is_exchanged_once() {
    const ROUNDS: i64 = 10;
    let mut both = Instances::start();
    let wiki = both.application(&["--first-party"]);
    both.a(&register(ANN, PASSWORD)).expect(201);
    let mut browser = Browser::default();
    code_in(&browser.log_in(&mut both.lines[0], &wiki.request(), ANN).unwrap());
    for _ in 0..ROUNDS {
        let request = wiki.request();
        let code = code_in(&browser.open(&mut both.lines[0], &request.path).unwrap());
        let call = wiki.exchange(&request, &code);
        let answers = both.at_once([&call, &call]);
        assert_eq!(statuses(&answers), [200, 400], "{answers:?}");
        // The later one has revoked what the earlier one received.
        let tokens = Tokens::of(answers.iter().find(|answer| answer.status == 200).expect("a winner"));
        both.expect_refused(&wiki, &tokens);
    }
    assert_eq!(both.count("audit_events WHERE kind = 'code_reused'"), ROUNDS);
}
