// Light or dark before anything is painted: what was chosen here, otherwise what the system says.
"use strict";
{
  const root = document.documentElement;
  const read = () => { try { return localStorage.getItem("lorec-theme") || "auto"; } catch { return "auto"; } };
  const apply = (choice) => {
    if (choice === "auto") root.removeAttribute("data-theme");
    else root.dataset.theme = choice;
  };
  apply(read());
  addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    select.value = read();
    select.addEventListener("change", () => {
      apply(select.value);
      try { localStorage.setItem("lorec-theme", select.value); } catch { /* private window: for this visit only */ }
    });
  });
}
