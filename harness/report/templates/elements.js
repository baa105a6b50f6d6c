// Builds elements. What comes from a run only ever becomes text, never markup.
const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false && child !== ""));
  return element;
};

const island = (id) => JSON.parse(document.getElementById(id).textContent);

const figure = (value, digits = 4) => {
  if (value === null || value === undefined) return "-";
  if (typeof value === "string") return value;
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return value.toLocaleString("en");
  const small = value !== 0 && Math.abs(value) < 1e-4;
  return small ? value.toExponential(digits - 1).replace(/\.?0+e/, "e") : String(Number(value.toPrecision(digits)));
};

const percent = (share) => (share === null || share === undefined ? "-" : `${figure(100 * share, 3)} %`);

const tag = (verdict) => make("span", { class: `tag v-${verdict}` }, verdict);

// A table in a box of its own, so that a wide one scrolls and the page does not.
const table = (label, heads, rows) =>
  make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label },
    make("table", { class: "plain" },
      make("thead", {}, make("tr", {}, heads.map(({ text, hint, number }) =>
        make("th", { scope: "col", title: hint, class: number && "number" }, text)))),
      make("tbody", {}, rows)));

const number = (value, attributes = {}) => make("td", { ...attributes, class: `number ${attributes.class ?? ""}` }, value);
