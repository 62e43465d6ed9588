// The page as a whole: what the address says is shown, and keys lead everywhere.
"use strict";

(() => {
  const map = readMap(byId("map").textContent);
  byId("map").remove(); // the text is as large as the arrays made of it
  const main = byId("main");
  const scrolled = new Map(); // how far down each address was read, for the way back
  let [address, isForward, redraw] = ["", false, null];
  const finder = setUpFinder(map, (node) => go(`#${toAddress(map, node)}`));
  byId("host").textContent = map.host;

  function go(hash) {
    isForward = true;
    if (location.hash === hash) show();
    else location.hash = hash;
  }

  // Show what the address says: a node, or the overview.
  function show() {
    scrolled.set(address, window.scrollY);
    address = location.hash;
    const name = address.slice(1);
    const node = name ? fromAddress(map, name) : undefined;
    redraw = null;
    if (node === undefined) {
      document.title = `${map.host}: what falls when this falls`;
      showOverview(map, main, finder.choose);
      if (name) tellMissing(decode(name));
    } else {
      document.title = `${map.names[node]} on ${map.host}`;
      const { blast, draw } = showNode(map, main, node);
      redraw = draw;
      announce(`${map.names[node]}: ${say(blast.count, "thing falls", "things fall")} with it`);
    }
    finder.leave();
    window.scrollTo(0, isForward ? 0 : scrolled.get(address) || 0);
    if (address || isForward) byId("node").focus({ preventScroll: true });
    isForward = false;
  }

  function tellMissing(name) {
    const text = `\u201c${name}\u201d is not in this map, or may be several things; what comes nearest is in the list`;
    main.prepend(make("p", { className: "trouble", role: "alert" }, text));
    finder.fill(name.slice(0, 200));
  }

  function goTo(id) {
    const place = byId(id);
    const first = place?.querySelector("a.name, .cell.own") || place?.querySelector("h2");
    place?.scrollIntoView({ block: "start" });
    first?.focus({ preventScroll: true });
  }

  // Move the focus to the next or the last link of the lists.
  function step(from, steps) {
    const links = [...main.querySelectorAll(".row a.name, .way a.name")];
    const next = links[links.indexOf(from) + steps];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  const PLACES = { p: "picture", b: "falls", d: "needs", e: "edges" };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || byId("keys").open) return;
    const target = event.target;
    if (target.closest("input")) return;
    // Who speaks to the machine, or hits keys by mistake, can switch them off: WCAG 2.2, 2.1.4.
    if (event.key.length === 1 && !byId("letters").checked) return;
    const isLink = target.matches(".row a.name, .way a.name");
    if (event.key === "/") {
      byId("query").focus();
      byId("query").select();
    } else if (event.key === "?") byId("keys").showModal();
    else if (event.key === "o") go("#");
    else if (event.key === "Escape" && address) byId("query").focus();
    else if (event.key === "w") target.closest(".row")?.querySelector(".way-there")?.click();
    else if (PLACES[event.key]) goTo(PLACES[event.key]);
    else if (isLink && event.key === "ArrowDown") step(target, 1);
    else if (isLink && event.key === "ArrowUp") step(target, -1);
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey; // else it opens in a tab of its own
    if (link && isPlain) isForward = true;
    if (link && isPlain && link.hash === location.hash) show();
    if (!event.target.closest("#finder, header")) finder.leave();
  });
  byId("ask").addEventListener("click", () => byId("keys").showModal());
  window.addEventListener("hashchange", show);
  let [width, waiting] = [window.innerWidth, 0];
  window.addEventListener("resize", () => {
    // A phone's keyboard changes the height only.
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => redraw?.(), 100);
  });
  if ("scrollRestoration" in history) history.scrollRestoration = "manual";
  show();
  runInSlices(findWorst(map, WORST), (worst) => {
    map.worst = worst;
    showWorst(map, finder.choose);
    finder.sort();
  });
})();
