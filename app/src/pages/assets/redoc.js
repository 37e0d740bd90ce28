// Starts ReDoc on the embedded document, in the colours of the other pages.
const api = JSON.parse(document.getElementById("document").textContent);

// The operations come first, and the sections of the introduction after them.
const [summary, ...sections] = api.info.description.split(/^(?=# )/m);
if (sections.length) {
    api.info.description = `${summary}\n\nNew here? Read the [guide](#tag/Guide).`;
    api.tags.push({ name: "Guide", description: sections.join(""), "x-traitTag": true });
}

const scheme = matchMedia("(prefers-color-scheme: dark)");
const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(`--${name}`).trim();
const sans = getComputedStyle(document.body).fontFamily;
const dark = scheme.matches;
// ReDoc chooses its colours when it starts.
scheme.addEventListener("change", () => location.reload());

Redoc.init(api, {
    scrollYOffset: ".top",
    hideDownloadButton: true,
    nativeScrollbars: true,
    theme: {
        spacing: { sectionVertical: 24 },
        colors: {
            primary: { main: colour("brand") },
            success: { main: colour("ok") },
            warning: { main: colour("warn") },
            error: { main: colour("bad") },
            text: { primary: colour("ink"), secondary: colour("soft") },
            border: { dark: colour("line"), light: colour("line") },
            responses: {
                success: { color: colour("ok"), backgroundColor: colour("code"), tabTextColor: dark ? "#7fd39b" : "#8be0a6" },
                error: { color: colour("bad"), backgroundColor: colour("code"), tabTextColor: "#ff9c92" },
                redirect: { color: colour("warn"), backgroundColor: colour("code"), tabTextColor: "#ecc063" },
                info: { color: colour("three"), backgroundColor: colour("code"), tabTextColor: "#7fd6e3" },
            },
            http: { get: "#1c6b3c", post: "#0b5c8a", put: "#7d4b00", delete: "#b3261e", options: "#5b3fa8", head: "#5b3fa8", patch: "#7d4b00" },
        },
        schema: {
            linesColor: colour("line"),
            nestedBackground: colour("code"),
            typeNameColor: colour("soft"),
            typeTitleColor: colour("soft"),
            requireLabelColor: colour("bad"),
            arrow: { color: colour("soft") },
        },
        typography: {
            fontSize: "16px",
            lineHeight: "1.55",
            fontFamily: sans,
            headings: { fontFamily: sans, fontWeight: "700", lineHeight: "1.25" },
            code: { fontFamily: colour("mono"), fontSize: "14px", color: colour("ink"), backgroundColor: colour("code"), wrap: true },
            links: { color: colour("brand"), visited: colour("brand"), hover: colour("brand") },
        },
        sidebar: { width: "17rem", backgroundColor: colour("card"), textColor: colour("ink"), activeTextColor: colour("brand"), arrow: { color: colour("soft") } },
        rightPanel: { backgroundColor: dark ? "#110e0b" : "#2b231c", textColor: "#f1ebe4" },
        codeBlock: { backgroundColor: dark ? "#1f1b16" : "#1d1712" },
        fab: { backgroundColor: colour("card"), color: colour("brand") },
    },
}, document.getElementById("viewer"));
