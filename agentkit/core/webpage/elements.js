// How what is shown is made: always from text, never from markup, so that no name can be more than a name.
"use strict";

// Return an element: `make("a", {className: "x", href: "#y"}, "text", other)`. What has a - in its name is an attribute.
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter(Boolean));
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

// A whole script may be a name (`python3 -c …`): in a list its beginning is enough.
function cut(text) {
  return text.length > 160 ? `${Array.from(text).slice(0, 160).join("")}\u2026` : text;
}

// Return a number in a way in which millions can be read.
function tell(count) {
  return count.toLocaleString("en");
}

function countOf(count) {
  return make("span", { className: "count" }, tell(count));
}

function makeSmallButton(text, onClick, properties = {}) {
  const button = make("button", { type: "button", className: "quiet", ...properties }, text);
  button.addEventListener("click", onClick);
  return button;
}

function say(count, one, many = `${one}s`) {
  return `${tell(count)} ${count === 1 ? one : many}`;
}

// Told to whoever hears the page and does not see it.
function announce(text) {
  byId("said").textContent = text;
}

const MORE = 300;

// Show only so many children of a list, and a button that shows more.
function fillList(list, items, most, makeItem) {
  let shown = 0;
  const button = makeSmallButton("", () => showMore(MORE)?.querySelector("a, button")?.focus());
  const showMore = (count) => {
    const first = list.children.length;
    list.append(...items.slice(shown, shown + count).map(makeItem));
    shown = Math.min(items.length, shown + count);
    const rest = items.length - shown;
    button.textContent = rest > MORE ? `show ${MORE} of ${tell(rest)} more` : `show ${rest} more`;
    button.hidden = !rest;
    return list.children[first];
  };
  showMore(most);
  return button;
}
