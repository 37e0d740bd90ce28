// Shows what needs a passkey, asks the browser for it, and submits the answer. The options are in a JSON element.
const options = document.getElementById("passkey-options");
const form = document.getElementById("passkey-form");

function decoded(text) {
    const base64 = text.replace(/-/g, "+").replace(/_/g, "/");
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

function encoded(buffer) {
    const text = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const withBytes = (list) => (list ?? []).map((one) => ({ ...one, id: decoded(one.id) }));

// What parseRequestOptionsFromJSON() and parseCreationOptionsFromJSON() return, for browsers without them.
function parsed(json) {
    const common = { ...json, challenge: decoded(json.challenge) };
    if (!json.user) return { ...common, allowCredentials: withBytes(json.allowCredentials) };
    const user = { ...json.user, id: decoded(json.user.id) };
    return { ...common, user, excludeCredentials: withBytes(json.excludeCredentials) };
}

// What PublicKeyCredential.toJSON() returns, for browsers without it. Password managers may replace it by one that fails.
function asJson(credential) {
    const { response } = credential;
    const answer = { clientDataJSON: encoded(response.clientDataJSON) };
    for (const name of ["authenticatorData", "signature", "userHandle", "attestationObject"]) {
        if (response[name]) answer[name] = encoded(response[name]);
    }
    if (response.attestationObject) answer.transports = response.getTransports?.() ?? [];
    return { id: credential.id, rawId: encoded(credential.rawId), type: credential.type, response: answer };
}

let isAsking = false;

async function ask() {
    const failed = document.getElementById("passkey-error");
    if (isAsking) return;
    isAsking = true;
    failed.hidden = true;
    try {
        const json = JSON.parse(options.textContent);
        const publicKey = parsed(json);
        const credential = json.user
            ? await navigator.credentials.create({ publicKey })
            : await navigator.credentials.get({ publicKey });
        form.elements.credential.value = JSON.stringify(asJson(credential));
        form.submit();
    } catch {
        failed.hidden = false;
    } finally {
        isAsking = false;
    }
}

const shown = window.PublicKeyCredential ? "[data-passkey]" : "[data-no-passkey]";
for (const part of document.querySelectorAll(shown)) part.hidden = false;

if (window.PublicKeyCredential) {
    if (options && form) {
        form.addEventListener("submit", (event) => {
            event.preventDefault();
            ask();
        });
        if ("start" in options.dataset) ask();
    }
}
