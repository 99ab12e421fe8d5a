// Sets the theme before the first paint. A file of its own in the head: no inline script is allowed, and the bundle comes later.
"use strict";
(function () {
  var root = document.documentElement;
  function kept(name) {
    try {
      return localStorage.getItem(name);
    } catch (e) {
      return null; // storage is off: follow the system
    }
  }
  function ofSystem() {
    if (matchMedia("(prefers-contrast: more)").matches) return "contrast";
    return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  var wanted = kept("z4j.theme");
  root.dataset.theme = wanted === "light" || wanted === "dark" || wanted === "contrast" ? wanted : ofSystem();
  if (kept("z4j.density") === "comfortable") root.dataset.density = "comfortable";
})();
