"use strict";
// The page is whole without this: it finds, filters, and opens what a link leads into.
(() => {
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const by = (id) => document.getElementById(id);
  const find = by("find"), mac = by("mac"), said = by("shown"), rules = by("rule-filter");
  const toggles = all("button[data-verdict]");
  const rows = all(".matrix tbody tr").map((row) => ({
    row, text: (row.cells[0].textContent + " " + row.dataset.t).toLowerCase(),
    cells: all(".cell", row).map((cell) => ({ cell, verdict: cell.dataset.v, mac: cell.dataset.m, result: by("r" + cell.dataset.n) })),
  }));
  const hide = (element, hidden) => { if (element) element.toggleAttribute("data-hidden", hidden); };
  const apply = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const on = new Set(toggles.filter((one) => one.ariaPressed === "true").map((one) => one.dataset.verdict));
    let shown = 0, total = 0;
    for (const { row, text, cells } of rows) {
      let any = false;
      for (const { cell, verdict, mac: name, result } of cells) {
        const its = text + " " + name.toLowerCase();
        const fits = on.has(verdict) && (!mac.value || name === mac.value) && words.every((word) => its.includes(word));
        cell.classList.toggle("faded", !fits);
        hide(result, !fits);
        any ||= fits;
        shown += fits;
        total += 1;
      }
      hide(row, !any);
    }
    said.value = shown === total ? "" : shown + " of " + total + " shown";
  };
  const clear = () => {
    find.value = mac.value = "";
    toggles.forEach((one) => { one.ariaPressed = "true"; });
    apply();
  };
  const press = (chosen) => {
    for (const one of all("button", rules)) one.ariaPressed = String(one === chosen);
    for (const row of all(".rules tbody tr")) hide(row, chosen.dataset.word !== "" && row.dataset.word !== chosen.dataset.word);
  };
  const reveal = () => {
    const target = location.hash.length > 1 && by(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest(".result[data-hidden]")) clear();
    if (target.closest(".rules tr[data-hidden]")) press(rules.querySelector("button"));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView();
  };
  all(".filter").forEach((one) => { one.hidden = false; });
  find.addEventListener("input", apply);
  mac.addEventListener("change", apply);
  by("fold").form.addEventListener("submit", (event) => event.preventDefault());
  toggles.forEach((one) => one.addEventListener("click", () => { one.ariaPressed = String(one.ariaPressed !== "true"); apply(); }));
  all("button", rules).forEach((one) => one.addEventListener("click", () => press(one)));
  by("unfold").addEventListener("click", () => all(".result:not([data-hidden])").slice(0, 300).forEach((one) => { one.open = true; }));
  by("fold").addEventListener("click", () => all("main details").forEach((one) => { one.open = false; }));
  by("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); find.focus(); }
    if (event.key === "Escape" && event.target === find) clear();
  });
  addEventListener("hashchange", reveal);
  reveal();
})();
