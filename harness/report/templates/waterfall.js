// How one side of a divergence becomes the other, setting by setting.
const AWAY = { l2: "l2 distance", elements: "Elements" };
const AWAY_HINTS = { l2: "how far the setting leads, by Shapley value", elements: "share of the elements beyond round-off, by Shapley value" };

const measured = (name, value) => (name === "elements" ? percent(value) : figure(value, 3));

const SVG = "http://www.w3.org/2000/svg";

const shape = (name, attributes) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

// A bar from where the one before ends to where the next one begins; the figures beside it say the same.
const bar = (low, high, one, { first, last }) => {
  const picture = shape("svg", { class: "fall", viewBox: `${low} 0 ${high - low} 10`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const start = one.start, end = start + 100 * one.share;
  if (!first) picture.append(shape("line", { x1: start, x2: start, y1: 0, y2: 2.5 }));
  if (!last) picture.append(shape("line", { x1: end, x2: end, y1: 7.5, y2: 10 }));
  picture.append(shape("rect", { x: Math.min(start, end), y: 2.5, width: Math.abs(end - start), height: 5, class: one.share < 0 ? "back" : "" }));
  return picture;
};

const alone = ({ makes, removes }) =>
  (makes && removes ? "makes and removes it" : makes ? "makes it" : removes ? "removes it" : "");

const share = (one) => [percent(one.share), one.error ? [make("br"), make("small", {}, `± ${figure(100 * one.error, 2)}`)] : []];

const value = (text) => make("td", { class: "prose" }, text ?? "");

const falls = (comparison) => {
  const { left, right, waterfall: { bars } } = comparison;
  const ends = bars.map((one) => one.start + 100 * one.share);
  const low = Math.min(0, ...ends), high = Math.max(100, ...ends);
  const names = [...new Set(bars.flatMap(({ far }) => Object.keys(far)))];
  const conditions = [...new Set(bars.flatMap((one) => Object.keys(one.accuracy)))];
  const after = [...new Set(bars.flatMap((one) => Object.keys(one.after)))];
  const heads = [{ text: "Setting" }, { text: left }, { text: right }, { text: `From ${left} to ${right}` },
    { text: "Share", hint: "of what lies between the two", number: true },
    ...names.map((name) => ({ text: AWAY[name] ?? capital(name.replaceAll("_", " ")), hint: AWAY_HINTS[name], number: true })),
    ...conditions.map((name) => ({ text: capital(name), hint: "what the setting changes, in percentage points, by Shapley value", number: true })),
    { text: "Alone", hint: "whether the one change makes the divergence, or removes it" },
    ...after.map((name) => ({ text: `Then ${AWAY[name]?.toLowerCase() ?? name.replaceAll("_", " ")}`,
      hint: `from ${left}, with this change and those above`, number: true }))];
  const rows = bars.map((one, place) => make("tr", {},
    make("th", { scope: "row", title: one.title }, one.code), value(one.values[0]), value(one.values[1]),
    make("td", { class: "falling" }, bar(low, high, one, { first: !place, last: place + 1 === bars.length })),
    number(share(one)), names.map((name) => number(one.far[name] === undefined ? "" : measured(name, one.far[name]))),
    conditions.map((name) => number(one.accuracy[name] === undefined ? "" : points(100 * one.accuracy[name]))),
    make("td", {}, alone(one)),
    after.map((name) => number(one.after[name] === undefined ? "" : measured(name, one.after[name])))));
  return table(`From ${left} to ${right}, setting by setting`, heads, rows);
};

const said = (settings) => settings.map(({ code, values }) => `${code} (${values.join(" against ")})`).join("; ");

const AGREE = ["EQUAL", "CLOSE"];

const proposed = ({ proposal }) => {
  if (!proposal) return [];
  const { words, verdict, sentence, reason, codes, remaining, ways } = proposal;
  const led = verdict ? [`; run with it, they ${AGREE.includes(verdict) ? "agree" : "still diverge"}: `, tag(verdict), " ", sentence] : `, which was not run: ${reason}`;
  return make("div", { class: "proposal" },
    make("p", {}, make("b", {}, "To make the two agree: "), words ? [make("code", {}, words), " for both", led] : "nothing that a user can set does"),
    make("ul", {}, codes.map((code) => make("li", {}, make("b", {}, code), `: ${ways[code]}`)),
      remaining.map((code) => make("li", {}, make("b", {}, code), `: nothing that a user can set changes it; in code of one's own, not run: ${ways[code]}`))));
};

// Of a training: where it was measured, and how well both models do there.
const measuredAt = ({ left, right, waterfall: { step, steps, seeds, accuracies } }) => {
  if (!step) return [];
  const models = accuracies.map(([name, ...both]) => `${name}: ${left} ${percent(both[0])}, ${right} ${percent(both[1])}`).join("; ");
  return make("p", { class: "hint" }, `Measured after step ${figure(step)} of ${figure(steps)}${seeds > 1 ? `, first of ${figure(seeds)} seeds` : ""}. `,
    models && `There, ${models}`);
};

const bridge = (one, comparison, open) => {
  const { left, right, waterfall } = comparison;
  const causes = waterfall.bars.map(({ code, share: part }) => `${code} ${figure(100 * part, 2)} %`).join(", ");
  const inner = [
    waterfall.reason ? make("p", { class: "sentence" }, make("b", { class: "bad" }, "unexplained"), `: ${waterfall.reason}`) : [],
    waterfall.bars.length ? falls(comparison) : [], measuredAt(comparison),
    waterfall.idle.length ? make("p", { class: "hint" }, `Different, and without effect here: ${said(waterfall.idle)}`) : [],
    waterfall.differing.length ? make("p", { class: "hint" }, `Different: ${said(waterfall.differing)}`) : [],
    waterfall.ends.length ? make("p", { class: "hint" }, "The reimplementation under the settings of ",
      waterfall.ends.map(([name, verdict, sentence], place) => [place ? "; of " : "", name, " ", tag(verdict), " ", sentence])) : [],
    proposed(comparison),
    comparison.film ? film(one, comparison) : [],
  ].flat();
  return make("details", { class: "bridge", open }, make("summary", {}, make("b", {}, left), " to ", make("b", {}, right), ": ",
    make("span", {}, waterfall.reason ? "unexplained" : causes)), make("div", {}, inner));
};

const waterfalls = (one, matches) => {
  const found = one.comparisons.filter((comparison) => comparison.waterfall && matches(comparison))
    .sort((a, b) => Boolean(b.waterfall.reason) - Boolean(a.waterfall.reason));
  if (!found.length) return [];
  return [make("h4", {}, "Why: from one to the other, setting by setting"), ...found.map((comparison, place) => bridge(one, comparison, place === 0))];
};
