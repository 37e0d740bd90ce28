// Shows the copy buttons where the browser can copy, which needs HTTPS or localhost.
for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) break;
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
            button.textContent = button.dataset.copied ?? "Copied";
        } catch {
            button.textContent = "Select the text to copy it";
        }
        setTimeout(() => (button.textContent = label), 2000);
    });
}
