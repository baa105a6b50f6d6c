// Everything about one case.
const NORMS = ["linf", "l2", "l1"];

const asked = (one) => {
  const settings = Object.entries(one.asked).map(([name, value]) => `${name} ${value}`).join(", ");
  const rows = [["Asked", settings || "nothing: every subject uses its own defaults"], ["Model", one.model], ["Data", one.data],
    ...(one.training ? [["Training", one.training]] : []), ["Scenario", one.location]];
  const hashes = Object.entries(one.identity).map(([name, hash]) =>
    [`SHA-256 of the ${name}`, make("span", { class: "hash" }, hash, " the same for every subject")]);
  return make("dl", { class: "asked" }, [...rows, ...hashes].map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
};

const settings = (one) => {
  const known = one.outcomes.filter(({ used }) => Object.keys(used).length);
  const heads = [{ text: "Setting" }, ...known.map(({ subject }) => ({ text: subject }))];
  const rows = one.settings.map((name) => {
    const values = known.map(({ used }) => used[name]);
    const differs = new Set(values.map((value) => value?.[0])).size > 1;
    return make("tr", { class: differs && "differs" },
      make("th", { scope: "row", title: differs ? "not the same for all subjects" : undefined }, name),
      values.map((value) => {
        if (!value) return make("td", {}, "-");
        const [text, byDefault] = value;
        return make("td", { class: byDefault && "default" }, text, byDefault && [" ", make("small", {}, "default")]);
      }));
  });
  return [make("h4", {}, "What each subject really used"), make("div", { class: "settings" }, table("Settings", heads, rows)), ...apart(one)];
};

const spread = (outcome, norm) => {
  const values = outcome.summary.perturbation?.[norm];
  if (!values || values.every((value) => value === null)) return number("-");
  const own = outcome.norm === norm;
  const share = own && outcome.epsilon && values[2] !== null ? ` = ${figure(values[2] / outcome.epsilon)} epsilon` : "";
  return number([values.map((value) => figure(value, 3)).join(" / "), share && make("br"), share], { class: own ? "used" : "" });
};

const change = ({ clean, adversarial }, name, show) => {
  const values = [clean?.[name] ?? null, adversarial?.[name] ?? null];
  return number(values.every((value) => value === null) ? "-" : values.map(show).join(" to "));
};

const increase = ({ clean, adversarial }) =>
  !clean || clean.loss === null || adversarial.loss === null ? "-" : figure(adversarial.loss - clean.loss);

const perturbationOutcomes = (one) => {
  const heads = outcomeHeads([
    { text: "Accuracy", hint: "on the inputs, and on the adversarial examples", number: true },
    { text: "Loss", hint: "mean cross-entropy in nats, on the inputs, and on the adversarial examples", number: true },
    { text: "Loss increase", number: true },
    ...NORMS.map((norm) => ({ text: `Perturbation ${norm}`, hint: "smallest / median / largest over the examples, in units of x", number: true })),
    { text: "Unperturbed", hint: "examples left as they were", number: true },
    { text: "Non-finite", hint: "infinite or NaN elements", number: true },
  ]);
  const rows = outcomeRows(one, heads, (outcome) => {
    const { summary } = outcome;
    return [change(summary, "accuracy", percent), change(summary, "loss", (value) => figure(value)), number(increase(summary)),
      NORMS.map((norm) => spread(outcome, norm)), number(figure(summary.unperturbed)), number(figure(summary.nonfinite))];
  });
  return [make("h4", {}, "Outcomes"), table("Outcomes", heads, rows)];
};

const perturbationComparisons = (one, matches) => {
  const heads = [
    { text: "Largest", hint: "largest absolute difference, in units of x", number: true },
    { text: "Mean", hint: "mean absolute difference, in units of x", number: true },
    { text: "Round-off", hint: "largest difference in units of round-off", number: true },
    { text: "Needed / allowed", hint: "units of round-off that would pass, and that are allowed", number: true },
    { text: "Differing", hint: "share of the elements", number: true },
    { text: "Sign flips (undetermined)", hint: "elements perturbed in opposite directions; those of them that float32 cannot determine", number: true },
    { text: "Cosine (least)", hint: "between the perturbations, all together, and of the example where it is least", number: true }];
  const oneSided = one.comparisons.some(({ metrics }) => metrics.incomparable);
  if (oneSided) heads.push({ text: "Finite on one side", hint: "elements that no tolerance can pass", number: true });
  return comparisonTable(one, matches, heads, ({ metrics, allowed }) => [
    number(figure(metrics.max_absolute)), number(figure(metrics.mean_absolute)), number(figure(metrics.max_roundoff)),
    number(`${figure(metrics.roundoff_to_pass)} / ${figure(allowed)}`), number(percent(metrics.differing_share)),
    number(`${figure(metrics.sign_flips)}${metrics.undetermined === null ? "" : ` (${figure(metrics.sign_flips_undetermined)})`}`),
    number(`${figure(metrics.cosine, 6)} (${figure(metrics.min_cosine, 6)})`), oneSided && number(figure(metrics.incomparable))]);
};

const KINDS = {
  perturbation: { outcomes: perturbationOutcomes, comparisons: perturbationComparisons },
  loss: { outcomes: lossOutcomes, comparisons: lossComparisons },
  training: { outcomes: trainingOutcomes, comparisons: trainingComparisons },
};

const detail = (one, matches) => [
  asked(one), one.settings.length ? settings(one) : [], KINDS[one.kind].outcomes(one), curves(one),
  one.comparisons.length ? KINDS[one.kind].comparisons(one, matches) : [], waterfalls(one, matches),
  one.missing ? make("p", { class: "hint" }, `Pictures: ${one.missing}`) : [], one.sheets.flatMap(pictures),
  make("p", { class: "hint" }, make("a", { href: `#case=${encodeURIComponent(one.id)}` }, "Link to this case")),
].flat();
