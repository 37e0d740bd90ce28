//! Logout ends the current session.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::TestApp;

stories! {
    a_logout_ends_the_session_and_no_other
    a_logout_beats_the_reuse_grace
}

async fn a_logout_ends_the_session_and_no_other(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let (other, bob) = (app.login(&ann.email).await, app.user_fixture().await);
    app.post("/auth/logout").bearer(&ann.tokens.access).send().await.expect_done();
    app.me(&ann.tokens.access).await.expect_invalid_token();
    app.post("/auth/logout").bearer(&ann.tokens.access).send().await.expect_invalid_token();
    app.try_refresh(&ann.tokens.refresh).await.expect_invalid_token();
    for tokens in [other, bob.tokens] {
        app.me(&tokens.access).await.expect_status(200).json();
        app.refresh(&tokens.refresh).await;
    }
}

async fn a_logout_beats_the_reuse_grace(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ann = app.user_fixture().await;
    let next = app.refresh(&ann.tokens.refresh).await;
    app.post("/auth/logout").bearer(&next.access).send().await.expect_done();
    app.try_refresh(&ann.tokens.refresh).await.expect_invalid_token();
    app.try_refresh(&next.refresh).await.expect_invalid_token();
    app.me(&ann.tokens.access).await.expect_invalid_token();
}
