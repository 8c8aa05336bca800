// The keyboard on lists and on a finding, what is chosen in a list, and completions of the filter.
// Every page works without it: it presses the buttons and follows the links that are there.
(function () {
  "use strict";

  const HELP = [
    ["j / k", "Next or previous line"], ["Enter, o", "Open"], ["u", "Back to the list"], ["n", "Next page"],
    ["x", "Choose the line"], ["Shift + x", "Choose up to the line"], ["s", "Start work"], ["f", "Say it is fixed"],
    ["a", "Assign"], ["e", "Accept the risk of the line, or of all that match"], ["/", "Search"],
    ["g then p, f, q, i", "Posture, findings, fixes, inbox"], ["?", "These keys"],
  ];
  const PLACES = { p: "/posture", f: "/findings", q: "/fixes", i: "/inbox" };

  const one = (selector, from) => (from || document).querySelector(selector);
  const all = (selector, from) => Array.from((from || document).querySelectorAll(selector));
  const rows = () => all("[data-row]");
  const boxOf = (row) => row && one("input[type=checkbox]", row);
  let anchor = null;
  let wentAt = 0;
  // The line that has the focus, or had it last.
  let last = null;
  const here = () => {
    const focused = document.activeElement && document.activeElement.closest("[data-row]");
    return focused || (last && last.isConnected ? last : null);
  };

  function move(by) {
    const lines = rows();
    if (!lines.length) return;
    const at = lines.indexOf(here());
    const to = at < 0 ? (by > 0 ? 0 : lines.length - 1) : Math.min(Math.max(at + by, 0), lines.length - 1);
    last = lines[to];
    one("[data-open]", last).focus();
    last.scrollIntoView({ block: "nearest" });
  }

  function choose(range) {
    const row = here();
    const box = boxOf(row);
    if (!box) return;
    if (range && anchor && anchor.isConnected) {
      const lines = rows();
      const ends = [lines.indexOf(anchor), lines.indexOf(row)].sort((a, b) => a - b);
      lines.slice(ends[0], ends[1] + 1).forEach((line) => { boxOf(line).checked = true; });
    } else {
      box.checked = !box.checked;
    }
    anchor = row;
    count(box);
  }

  // Says how many are chosen; all that match and single lines exclude each other.
  function count(changed) {
    const bar = one("[data-bulk]");
    if (!bar) return;
    const everything = one("[data-all]", bar);
    const boxes = all("[data-row] input[type=checkbox]");
    if (changed === everything && everything.checked) boxes.forEach((box) => { box.checked = false; });
    else if (changed && changed.checked) everything.checked = false;
    const chosen = boxes.filter((box) => box.checked).length;
    one("[data-chosen]", bar).textContent = chosen ? chosen + " chosen" : "";
  }

  // Presses a button of the bulk bar for what is chosen, or for the line; or the one of a finding's page.
  function act(action) {
    const own = one('button[name=move][value="' + action + '"]');
    if (own) return own.click();
    const button = one('[data-bulk] button[value="' + action + '"]');
    if (button && chosenOrHere()) button.click();
  }

  function chosenOrHere() {
    if (one("[data-row] input:checked, [data-all]:checked")) return true;
    const box = boxOf(here());
    if (box) { box.checked = true; count(box); }
    return Boolean(box);
  }

  // Unfolds what a field is in, and goes there.
  function enter(field) {
    if (!field) return;
    for (let up = field.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
    field.focus();
  }

  function assign() {
    const bar = one("[data-assign]");
    if (!bar) enter(one("#assignee") || one("#team"));
    else if (chosenOrHere()) enter(one("select", bar));
  }

  function except() {
    const reason = one("#reason");
    if (reason) return enter(reason);
    const everything = one("[data-accept]");
    if (everything && (one("[data-all]:checked") || !here())) return everything.click();
    const link = here() && one("[data-open]", here());
    if (link) location.assign(link.href + "#accept-title");
  }

  function back() {
    if (!location.pathname.startsWith("/findings/")) return;
    const from = document.referrer && new URL(document.referrer);
    const fromList = from && from.origin === location.origin && from.pathname === "/findings";
    if (fromList && history.length > 1) history.back();
    else location.assign("/findings");
  }

  function help() {
    let dialog = one("#keys");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.id = "keys";
      dialog.className = "card key-help";
      dialog.setAttribute("aria-labelledby", "keys-title");
      const title = Object.assign(document.createElement("h2"), { id: "keys-title", textContent: "Keys" });
      const list = document.createElement("dl");
      list.className = "facts";
      HELP.flat().forEach((words, at) => {
        list.appendChild(document.createElement(at % 2 ? "dd" : "dt")).textContent = words;
      });
      const close = Object.assign(document.createElement("button"), { className: "button button-small", textContent: "Close" });
      close.addEventListener("click", () => dialog.close());
      dialog.append(title, list, close);
      document.body.appendChild(dialog);
    }
    if (dialog.open) dialog.close(); else dialog.showModal();
  }

  const KEYS = {
    j: () => move(1),
    k: () => move(-1),
    o: () => { const row = here(); if (row) one("[data-open]", row).click(); },
    u: back,
    x: () => choose(false),
    X: () => choose(true),
    a: assign,
    e: except,
    s: () => act("start"),
    f: () => act("claim"),
    n: () => { const next = one("[data-key=next]"); if (next) next.click(); },
    g: () => { wentAt = Date.now(); },
    "/": () => enter(one("#q") || one("input[type=search]")),
    "?": help,
  };

  const types = (target) => target.isContentEditable ||
    target.matches("textarea, select, input:not([type=checkbox]):not([type=radio])");

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || types(event.target)) return;
    const dialog = one("dialog[open]");
    if (dialog && event.key !== "?") return;
    const goes = Date.now() - wentAt < 1500 && PLACES[event.key];
    const does = goes ? () => location.assign(goes) : KEYS[event.key];
    if (!does) return;
    if (event.key !== "g") wentAt = 0;
    event.preventDefault();
    does();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-row] input[type=checkbox], [data-all]")) count(event.target);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-help]")) help();
    const option = event.target.closest("#completions [role=option]");
    if (option) complete(option);
  });
  document.addEventListener("focusin", (event) => {
    last = event.target.closest("[data-row]") || last;
  });

  // Completions: a combobox whose list the server writes.
  const field = () => one("#q[data-completes]");
  const options = () => all("#completions [role=option]");
  const isOpen = () => one("#completions") && !one("#completions").hidden && options().length > 0;
  let waiting = 0;

  function show(open) {
    const input = field();
    if (!input) return;
    one("#completions").hidden = !open;
    input.setAttribute("aria-expanded", String(open));
    input.removeAttribute("aria-activedescendant");
    if (!open) one("#completions").textContent = "";
  }

  function point(by) {
    const list = options();
    const at = list.findIndex((option) => option.getAttribute("aria-selected") === "true");
    const to = (at + by + list.length + (at < 0 && by < 0 ? 1 : 0)) % list.length;
    list.forEach((option, place) => option.setAttribute("aria-selected", String(place === to)));
    field().setAttribute("aria-activedescendant", list[to].id);
    list[to].scrollIntoView({ block: "nearest" });
  }

  function complete(option) {
    const input = field();
    input.value = option.dataset.line;
    input.focus();
    input.setSelectionRange(Number(option.dataset.at), Number(option.dataset.at));
    show(false);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.addEventListener("input", (event) => {
    const input = event.target;
    if (input !== field() || !window.htmx) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (input !== field()) return;
      const asked = new URLSearchParams({ q: input.value, at: String(input.selectionStart) });
      window.htmx.ajax("GET", input.dataset.completes + (input.dataset.completes.includes("?") ? "&" : "?") + asked, { target: "#completions", swap: "innerHTML", source: "#completions" })
        .then(() => { if (document.activeElement === field()) show(options().length > 0); });
    }, 120);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target !== field() || !isOpen()) return;
    const pointed = one('#completions [aria-selected="true"]');
    if (event.key === "ArrowDown" || event.key === "ArrowUp") point(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter" && pointed) complete(pointed);
    else if (event.key === "Escape") { show(false); if (one("#filter")) window.htmx.trigger("#filter", "submit"); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  document.addEventListener("focusout", (event) => {
    if (event.target === field()) setTimeout(() => { if (document.activeElement !== field()) show(false); }, 150);
  });
  // What is half typed does not narrow the list yet.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const by = event.detail.requestConfig && event.detail.requestConfig.triggeringEvent;
    if (event.detail.elt.id === "filter" && by && by.type === "input" && isOpen()) event.preventDefault();
  });
  // What was typed while the list was on its way stays.
  let kept = null;
  document.addEventListener("htmx:beforeSwap", () => {
    const input = field();
    kept = input && document.activeElement === input ? { value: input.value, at: input.selectionStart } : null;
  });
  document.addEventListener("htmx:afterSwap", () => {
    const input = field();
    if (!kept || !input) return;
    Object.assign(input, { value: kept.value }).focus({ preventScroll: true });
    input.setSelectionRange(kept.at, kept.at);
  });
  const ready = () => all("[data-help]").forEach((button) => { button.hidden = false; });
  document.addEventListener("DOMContentLoaded", ready);
  document.addEventListener("htmx:afterSettle", ready);
})();
