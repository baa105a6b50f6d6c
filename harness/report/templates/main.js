// Ties the page together: filters to the list of cases, and cases to their details.
const cases = [...document.querySelectorAll(".case")].map((element) => {
  const one = Number(element.dataset.case);
  return { element, one, marks: [...element.querySelectorAll(".strip i")], body: element.querySelector(".body"), drawn: null };
});
const cells = [...document.querySelectorAll(".cell")];
const unpair = form.elements.unpair;
const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

const fill = (shown, wanted) => {
  const state = JSON.stringify([wanted.pair, wanted.subject, [...wanted.verdicts], [...wanted.statuses]]);
  if (shown.drawn === state) return;
  shown.drawn = state;
  const place = (comparison) => index.pairs.findIndex((pair) => pair.includes(comparison.left) && pair.includes(comparison.right));
  const matches = (comparison) => comparisonMatches(wanted, place(comparison), comparison.verdict, comparison.status);
  const put = (content) => { if (shown.drawn === state) shown.body.replaceChildren(...content); };
  withDetail(shown.one, (one) => put(detail(one, matches)), (file) => {
    put([make("p", { class: "bad" }, `${file} is not beside this page: keep the folder with it.`)]);
    shown.drawn = null;
  });
};

const apply = () => {
  const wanted = filter();
  const narrow = narrows(wanted);
  let found = 0, total = 0, visible = 0;
  for (const shown of cases) {
    const matches = matching(wanted, index.cases[shown.one]);
    const count = matches ? matches.filter(Boolean).length : 0;
    const show = matches !== null && (count > 0 || !narrow);
    total += [...index.cases[shown.one].verdicts].filter((symbol) => symbol !== " ").length;
    shown.element.hidden = !show;
    if (!show) continue;
    found += count;
    visible += 1;
    shown.marks.forEach((mark, place) => mark.classList.toggle("dim", !matches[place]));
    if (shown.element.open) fill(shown, wanted);
  }
  for (const section of document.querySelectorAll(".scenario")) section.hidden = !section.querySelector(".case:not([hidden])");
  document.querySelector(".nothing").hidden = visible > 0;
  form.elements.found.value = `${visible.toLocaleString("en")} of ${plural(cases.length, "case")}, `
    + `${found.toLocaleString("en")} of ${plural(total, "comparison")}`;
  cells.forEach((cell) => cell.setAttribute("aria-pressed", String(Number(cell.dataset.pair) === chosen.pair)));
  unpair.hidden = chosen.pair === null;
  if (chosen.pair !== null) unpair.textContent = `${index.pairs[chosen.pair].join(" | ")}: show all pairs`;
};

const changed = () => { apply(); remember(filter()); };

const show = (id) => {
  const shown = cases.find(({ one }) => index.cases[one].id === id);
  if (!shown) return;
  if (shown.element.hidden) { form.reset(); chosen.pair = null; apply(); }
  shown.element.open = true;
  fill(shown, filter());
  shown.element.scrollIntoView({ block: "start" });
  shown.element.querySelector("summary").focus({ preventScroll: true });
};

const follow = () => {
  const id = recall();
  apply();
  if (id) show(id);
};

document.documentElement.classList.add("js");
form.addEventListener("input", changed);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => { chosen.pair = null; setTimeout(changed); });
unpair.addEventListener("click", () => { chosen.pair = null; changed(); });
for (const cell of cells) {
  cell.addEventListener("click", () => {
    const pair = Number(cell.dataset.pair);
    chosen.pair = chosen.pair === pair ? null : pair;
    changed();
    if (chosen.pair !== null) form.scrollIntoView({ block: "start" });
  });
}
for (const shown of cases) shown.element.addEventListener("toggle", () => { if (shown.element.open) fill(shown, filter()); });
addEventListener("hashchange", () => {
  follow();
  if (!location.hash.startsWith("#case=")) form.scrollIntoView({ block: "start" });
});
follow();
