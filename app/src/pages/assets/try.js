// Registers a user, logs in, and shows the access token. It decodes the token without verifying it.
const part = (id) => document.getElementById(id);
const box = part("try");
const form = part("try-form");
box.hidden = false;

async function call(path, body) {
    const response = await fetch(box.dataset.root + path, {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify(body),
    });
    return { ok: response.ok, body: await response.json() };
}

// What a problem says (RFC 9457): its detail, and what is wrong with each field.
function problemText(problem) {
    const fields = (problem.errors ?? []).map((error) => `${error.pointer.slice(1)}: ${error.detail}`);
    return fields.length > 1 ? fields.join(". ") : problem.detail ?? problem.title;
}

function decoded(text) {
    const bytes = Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
}

function say(text, isBad) {
    part("try-status").textContent = text;
    part("try-status").className = isBad ? "bad" : "ok";
}

function show(token) {
    const parts = token.split(".");
    const claims = decoded(parts[1]);
    part("token").replaceChildren(...parts.flatMap((text, place) => {
        const span = document.createElement("span");
        span.textContent = text;
        return place ? [".", span] : [span];
    }));
    part("token-header").textContent = JSON.stringify(decoded(parts[0]), null, 2);
    part("token-claims").textContent = JSON.stringify(claims, null, 2);
    const until = new Date(claims.exp * 1000).toLocaleTimeString();
    const minutes = Math.round((claims.exp - claims.iat) / 60);
    part("token-times").textContent =
        `Valid for ${minutes} minutes, until ${until}. Anyone can read a token; the signature proves who issued it.`;
    part("try-token").hidden = false;
}

form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const credentials = { email: form.elements.email.value, password: form.elements.password.value };
    part("try-token").hidden = true;
    button.disabled = true;
    say("", false);
    try {
        const registered = await call("auth/register", credentials);
        // A person who tries twice has the account already.
        if (!registered.ok && registered.body.code !== "email-taken") return say(problemText(registered.body), true);
        const login = await call("auth/login", credentials);
        if (!login.ok) return say(problemText(login.body), true);
        say(registered.ok ? "Registered and logged in." : "Logged in: this address was registered before.", false);
        show(login.body.access_token);
    } catch {
        say("The service did not answer.", true);
    } finally {
        button.disabled = false;
    }
});
