// Starts Swagger UI on the embedded document, with one way to authorize: e-mail address and password.
const api = JSON.parse(document.getElementById("document").textContent);

// ReDoc shows the whole introduction. Here the operations come first.
api.info.description = api.info.description.split(/^#/m)[0];
// `bearer` and `password` stand for the same header, and a superuser's token may also introspect.
const LOGIN = "password";
api.components.securitySchemes = { [LOGIN]: api.components.securitySchemes[LOGIN] };
for (const path of Object.values(api.paths)) {
    for (const operation of Object.values(path)) {
        operation.security = (operation.security ?? []).filter((scheme) => LOGIN in scheme);
    }
}

// Why a login failed. Swagger UI passes the text of the status on, which HTTP/2 does not have.
function reasonOf(status) {
    return !status || /Bad Request|Unauthorized/.test(status)
        ? "Login failed. Check the address and the password."
        : "Login failed: the service refused the request. Try again in a minute.";
}

// A component of Swagger UI: it receives the whole system as its properties.
function LoginDialog({ React, authActions, authSelectors, errActions, errSelectors, specSelectors }) {
    const element = React.createElement;
    const dialog = React.useRef(null);
    const [isBusy, setBusy] = React.useState(false);
    const session = authSelectors.authorized().get(LOGIN);
    const error = errSelectors.allErrors().find((error) => error.get("authId") === LOGIN);
    const close = () => authActions.showDefinitions(false);
    React.useEffect(() => dialog.current.showModal(), []);
    React.useEffect(() => { if (session || error) setBusy(false); }, [session, error]);

    const logIn = (event) => {
        event.preventDefault();
        const { email, password } = event.target.elements;
        errActions.clear({ authId: LOGIN, type: "auth", source: "auth" });
        setBusy(true);
        authActions.authorizePassword({
            name: LOGIN,
            schema: specSelectors.securityDefinitions().getIn([LOGIN, "flows", "password"]).set("type", "oauth2"),
            username: email.value,
            password: password.value,
            passwordType: "request-body",
            scopes: [],
        });
    };
    const input = (name, type, label, autoComplete) =>
        element("label", null, label, element("input", { name, type, autoComplete, required: true }));
    const button = (text, properties) => element("button", { type: "button", className: "button", ...properties }, text);
    const quiet = (text, onClick) => button(text, { className: "button quiet", onClick });

    const form = () => element("form", { className: "fields", onSubmit: logIn },
        element("p", null, "Log in with an account of this service. The operation “register” creates one."),
        input("email", "email", "E-mail address", "username"),
        input("password", "password", "Password", "current-password"),
        element("div", { role: "alert" },
            error && element("p", { className: "bad" }, reasonOf(error.get("message")))),
        element("div", { className: "buttons" }, button("Log in", { type: "submit", disabled: isBusy }), quiet("Cancel", close)));
    const done = () => element("div", null,
        element("p", { className: "ok", role: "status" }, "Logged in as ", element("b", null, session.get("username"))),
        element("p", null, "Swagger UI sends the access token with each request that needs one."),
        element("div", { className: "buttons" },
            button("Close", { onClick: close }), quiet("Log out", () => authActions.logout([LOGIN]))));
    return element("dialog", { ref: dialog, className: "login", "aria-labelledby": "login-title", onClose: close },
        element("h2", { id: "login-title" }, "Authorize"), session ? done() : form());
}

SwaggerUIBundle({
    dom_id: "#viewer",
    spec: api,
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    plugins: [() => ({ components: { authorizationPopup: LoginDialog } })],
});
