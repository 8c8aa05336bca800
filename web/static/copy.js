// Buttons that copy the text beside them. Without a script they stay hidden, and the text can be selected.
"use strict";
(() => {
  const show = (root) => {
    if (navigator.clipboard) for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    const text = button?.parentElement.querySelector("pre")?.textContent;
    if (text === undefined) return;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it and copy";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  document.addEventListener("htmx:load", (event) => show(event.target));
  document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", () => show(document)) : show(document);
})();
