// The page as a whole: what is chosen, searched and filtered is shown in tree, charts, table and panel alike.
"use strict";

(() => {
  const family = readFamily(byId("family").textContent);
  byId("family").remove(); // the text is as large as what was made of it
  const state = { tree: family.trees[0], since: Infinity, kinds: new Set(), words: [], level: undefined, chosen: null };
  let [members, sheet, drawn] = [[], null, null];
  byId("host").textContent = family.host;
  document.title = `What the machine changed on ${family.host}`;

  if (!family.trees.length) {
    showNothing();
    return;
  }
  for (const id of ["bars", "drawn"]) byId(id).hidden = false;
  byId("query").disabled = false;
  setUpTrees();

  function setUpTrees() {
    const select = byId("tree");
    select.replaceChildren(...family.trees.map((tree, number) => make("option", { value: number }, `${tree.name} (${tell(tree.members.length)})`)));
    byId("which").hidden = family.trees.length < 2;
    select.addEventListener("change", () => {
      Object.assign(state, { tree: family.trees[Number(select.value)], chosen: null, level: undefined });
      redraw();
    });
  }

  const isShown = (one) => (!state.kinds.size || state.kinds.has(one.kind)) && isFound(one, state.words);

  // Draw anew what depends on which candidates there are.
  function redraw() {
    members = state.tree.members.filter((one) => family.at - one.at <= state.since);
    tellNight(family, state.tree.members, (kinds) => {
      Object.assign(state, { since: DAY_S, kinds: new Set(kinds), level: undefined });
      redraw();
      // The button that was pressed was made anew.
      document.querySelector(".chips [aria-pressed=true]").focus();
    });
    if (family.older) byId("sum").append(` ${say(family.older, "older candidate is", "older candidates are")} not on this page.`);
    showTiles(family, members);
    const spans = SINCE.map(([text, since]) => [String(since), text]);
    fillChips("since", spans, (since) => Number(since) === state.since, (since) => {
      Object.assign(state, { since: Number(since), level: undefined });
      redraw();
    });
    drawSheet(true);
    filter();
    choose(members.includes(state.chosen) ? state.chosen : members.findLast((one) => one.kind === "kept") || members.at(-1));
  }

  function drawSheet(isNew = false) {
    const place = byId("sheet");
    const width = place.clientWidth;
    const middle = sheet && !isNew && sheet.width ? (place.scrollLeft + width / 2) / sheet.width : 1;
    state.level ??= chooseLevel(members, width);
    sheet = layOut(members, width, state.level);
    drawn = drawTree(family, sheet);
    place.replaceChildren(drawn.picture, ...(members.length ? makeCharts(family, members, sheet) : []));
    for (const chart of place.querySelectorAll(".chart")) setUpChart(chart);
    place.scrollLeft = middle * sheet.width - (isNew ? 0 : width / 2);
    byId("smaller").disabled = state.level === SIZES.length - 1;
    byId("larger").disabled = state.level === 0;
    drawn.picture.addEventListener("pointermove", (event) => tellOf(findAt(event)));
    drawn.picture.addEventListener("pointerleave", () => tellOf(state.chosen));
    drawn.picture.addEventListener("click", (event) => {
      const one = findAt(event);
      if (one) choose(one, true);
    });
    drawn.picture.addEventListener("focusin", (event) => {
      const one = [...drawn.elements].find(([, node]) => node === event.target)?.[0];
      if (one && one !== state.chosen) choose(one);
    });
  }

  function findAt(event) {
    const box = drawn.picture.getBoundingClientRect();
    return findNearest(sheet, event.clientX - box.left, event.clientY - box.top);
  }

  function setUpChart(chart) {
    const find = (event) => findNearest(sheet, event.clientX - chart.getBoundingClientRect().left);
    chart.addEventListener("pointermove", (event) => tellOf(find(event)));
    chart.addEventListener("pointerleave", () => tellOf(state.chosen));
    chart.addEventListener("click", (event) => {
      const one = find(event);
      if (one) choose(one, true);
    });
  }

  // Show again what is filtered or searched; the tree keeps its form.
  function filter() {
    showKinds(members, state.kinds, (kind) => {
      if (!state.kinds.delete(kind)) state.kinds.add(kind);
      filter();
    });
    const shown = members.filter(isShown);
    drawn.dim(isShown);
    showRows(shown, family.at, (one) => choose(one, true));
    mark();
    if (state.words.length) announce(`${say(shown.length, "candidate")} found`);
  }

  function mark() {
    for (const row of byId("rows").children) row.classList.toggle("chosen", row.dataset.id === state.chosen?.id);
  }

  function tellOf(one) {
    const texts = one ? [one.proposer, one.reason].flatMap((text) => [" \u00b7 ", make("bdi", {}, cut(text))]) : [];
    byId("told").replaceChildren(...(one ? [makeBadge(one), " ", tellMoment(one.at), ...texts] : []));
  }

  // Choose a candidate; `isAsked`: a person did so, and it is brought into sight and into the address.
  function choose(one, isAsked = false) {
    drawn.elements.get(state.chosen)?.setAttribute("tabindex", -1);
    if (one && !members.includes(one)) {
      Object.assign(state, { tree: family.trees.find((tree) => tree.members.includes(one)), since: Infinity, chosen: one, level: undefined });
      byId("tree").value = family.trees.indexOf(state.tree);
      redraw();
      return;
    }
    state.chosen = one || null;
    const node = drawn.elements.get(one);
    node?.setAttribute("tabindex", 0);
    drawn.choose(one);
    for (const guide of byId("sheet").querySelectorAll(".guide")) guide.setAttribute("d", one ? `M${round(sheet.spots.get(one).x)} 0V${CHART}` : "");
    showPanel(family, one, (other) => choose(other, true));
    tellOf(one);
    mark();
    if (one && isAsked) {
      history.replaceState(null, "", `#${one.id}`);
      reveal(one);
      announce(node.getAttribute("aria-label"));
    }
  }

  function reveal(one) {
    const [place, { x }] = [byId("sheet"), sheet.spots.get(one)];
    if (x > place.scrollLeft + 40 && x < place.scrollLeft + place.clientWidth - 40) return;
    place.scrollTo({ left: x - place.clientWidth / 2 });
  }

  function step(key) {
    const one = state.chosen;
    if (!one) return undefined;
    const place = members.indexOf(one);
    const find = (from, by) => {
      let spot = from + by;
      while (members[spot] && !isShown(members[spot])) spot += by;
      return members[spot];
    };
    if (key === "ArrowRight") return find(place, 1);
    if (key === "ArrowLeft") return find(place, -1);
    if (key === "Home") return find(-1, 1);
    if (key === "End") return find(members.length, -1);
    if (key === "ArrowUp") return members.find((other) => other.commit && other.commit === one.base && other !== one);
    return one.commit && members.find((other) => other.base === one.commit && other !== one);
  }

  function open(hash) {
    const one = hash.length > 8 ? family.candidates.find((other) => other.id.startsWith(hash)) : undefined;
    if (one) choose(one, true);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const isInTree = event.target.closest(".tree");
    if (event.key === "/" && !event.target.closest("input, select")) byId("query").focus();
    else if (isInTree && /^(Arrow|Home|End)/.test(event.key)) {
      const next = step(event.key);
      if (next) {
        choose(next, true);
        drawn.elements.get(next).focus({ preventScroll: true });
      }
    } else if (isInTree && (event.key === "Enter" || event.key === " ")) {
      choose(state.chosen, true);
      byId("panel").scrollIntoView({ block: "nearest" });
    } else if (event.key === "Escape" && event.target === byId("query")) {
      byId("query").value = "";
      search();
    } else return;
    event.preventDefault();
  });

  function search() {
    state.words = byId("query").value.toLowerCase().split(/\s+/).filter(Boolean);
    filter();
  }

  function zoom(by) {
    state.level = Math.min(SIZES.length - 1, Math.max(0, state.level + by));
    drawSheet();
    drawn.dim(isShown);
    choose(state.chosen);
  }

  byId("query").addEventListener("input", search);
  byId("smaller").addEventListener("click", () => zoom(1));
  byId("larger").addEventListener("click", () => zoom(-1));
  byId("fit").addEventListener("click", () => {
    state.level = layOut(members, byId("sheet").clientWidth).level;
    zoom(0);
  });
  byId("home").addEventListener("click", (event) => {
    event.preventDefault();
    Object.assign(state, { since: Infinity, chosen: null, level: undefined, words: [], tree: family.trees[0] });
    byId("query").value = "";
    byId("tree").value = 0;
    state.kinds.clear();
    redraw();
  });
  window.addEventListener("hashchange", () => open(location.hash.slice(1)));
  let [width, waiting] = [window.innerWidth, 0];
  window.addEventListener("resize", () => {
    // A phone's keyboard changes the height only.
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      state.level = undefined;
      zoomTo();
    }, 100);
  });

  function zoomTo() {
    drawSheet(true);
    drawn.dim(isShown);
    choose(state.chosen);
  }

  redraw();
  open(location.hash.slice(1));
})();
