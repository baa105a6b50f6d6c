// Which comparisons are shown. The address keeps the choice, so that it can be sent to someone.
const index = island("index");
const form = document.querySelector(".filters");
const chosen = { pair: null };

const pressed = (name) => new Set([...form.elements[name]].filter((box) => box.checked).map((box) => box.value));

const filter = () => ({
  words: form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean),
  subject: form.elements.subject.value,
  tag: form.elements.tag.value,
  verdicts: pressed("verdict"),
  statuses: pressed("status"),
  pair: chosen.pair,
});

const pairMatches = (wanted, place) =>
  (wanted.pair === null || wanted.pair === place) && (!wanted.subject || index.pairs[place].includes(wanted.subject));

const comparisonMatches = (wanted, place, verdict, status) =>
  pairMatches(wanted, place)
  && (!wanted.verdicts.size || wanted.verdicts.has(verdict))
  && (!wanted.statuses.size || wanted.statuses.has(status));

// Places of the pairs of a case that match; null when the case does not.
const matching = (wanted, one) => {
  if (wanted.tag && !one.tags.includes(wanted.tag)) return null;
  if (!wanted.words.every((word) => one.words.includes(word))) return null;
  return [...one.verdicts].map((symbol, place) => symbol !== " "
    && comparisonMatches(wanted, place, index.verdicts[symbol], index.statuses[one.statuses[place]]));
};

const narrows = (wanted) => wanted.pair !== null || wanted.subject || wanted.verdicts.size || wanted.statuses.size;

const remember = (wanted) => {
  const words = new URLSearchParams();
  if (form.elements.text.value) words.set("text", form.elements.text.value);
  if (wanted.subject) words.set("subject", wanted.subject);
  if (wanted.tag) words.set("tag", wanted.tag);
  wanted.verdicts.forEach((verdict) => words.append("verdict", verdict));
  wanted.statuses.forEach((status) => words.append("status", status));
  if (wanted.pair !== null) words.set("pair", index.pairs[wanted.pair].join("|"));
  const hash = words.toString();
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
};

const recall = () => {
  const words = new URLSearchParams(location.hash.slice(1));
  form.elements.text.value = words.get("text") ?? "";
  for (const name of ["subject", "tag"]) {
    form.elements[name].value = words.get(name) ?? "";
    if (form.elements[name].selectedIndex < 0) form.elements[name].value = "";
  }
  for (const name of ["verdict", "status"]) {
    const values = words.getAll(name);
    for (const box of form.elements[name]) box.checked = values.includes(box.value);
  }
  const pair = index.pairs.findIndex((one) => one.join("|") === words.get("pair"));
  chosen.pair = pair < 0 ? null : pair;
  return words.get("case");
};
