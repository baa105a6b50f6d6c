// Tables of kinds loss and training.
const LOSSES = ["clean", "adversarial", "total"];

const capital = (text) => `${text[0].toUpperCase()}${text.slice(1)}`;

const refused = (outcome, status, heads) => make("tr", {}, make("th", { scope: "row" }, outcome.subject), make("td", {}, status),
  make("td", { colspan: heads.length - 2, class: "prose" }, outcome.reason));

// One row an outcome; `columns` makes what a kind has to say of one that came to something.
const outcomeRows = (one, heads, columns) => one.outcomes.flatMap((outcome) => {
  const status = `${outcome.status}${outcome.stored ? ", from the store" : ""}`;
  if (outcome.status !== "ok") return [refused(outcome, status, heads)];
  return [make("tr", {}, make("th", { scope: "row" }, outcome.subject), make("td", {}, status), number(figure(outcome.seconds, 3)),
    columns(outcome),
    make("td", {}, make("span", { class: "hash", title: outcome.arrays }, outcome.arrays.slice(0, 12))))];
});

const outcomeHeads = (columns) => [{ text: "Subject" }, { text: "Status" }, { text: "Seconds", number: true }, ...columns,
  { text: "SHA-256 of the arrays" }];

const lossHeads = (hint) => LOSSES.map((name) => ({ text: `${capital(name)} loss`, hint, number: true }));

const lossOutcomes = (one) => {
  const heads = outcomeHeads(lossHeads("as the subject computes it; - where it computes none"));
  const rows = outcomeRows(one, heads, ({ losses }) => LOSSES.map((name) => number(figure(losses[`${name}_loss`], 6))));
  const wrapped = one.outcomes.filter(({ summary }) => summary.wrapper).map(({ subject, summary }) =>
    make("p", { class: "hint" }, `${subject} through its wrapper's own call: `,
      LOSSES.map((name) => `${name} ${figure(summary.wrapper[name], 6)}`).join(", ")));
  return [make("h4", {}, "Losses of the step"), table("Outcomes", heads, rows), wrapped].flat();
};

const inPercent = (share) => (share === null ? "-" : `${(100 * share).toFixed(1)} %`);

const between = (interval) => (interval ? [make("br"), make("small", {}, interval.map(inPercent).join(" to "))] : []);

const trainingOutcomes = (one) => {
  const names = [...new Set(one.outcomes.flatMap(({ accuracies }) => accuracies.map(([name]) => name)))];
  const heads = outcomeHeads([...lossHeads("of the last step, first seed; - where the subject computes none, or it is not finite"),
    { text: "Not finite from step", hint: "of each seed", number: true },
    ...names.map((name) => ({ text: capital(name), hint: "on the test split, at the end; over several seeds their mean, with its 90 % interval", number: true }))]);
  const rows = outcomeRows(one, heads, ({ losses, nonfinite, accuracies }) => [
    LOSSES.map((name) => number(figure(losses[`${name}_loss`]))), number(nonfinite || "-"),
    names.map((name) => {
      const [, mean, interval] = accuracies.find(([known]) => known === name) ?? [name, null, null];
      return number([inPercent(mean), between(interval)]);
    })]);
  return [make("h4", {}, "Outcomes"), table("Outcomes", heads, rows)];
};

// One row a comparison, with its sentence below; `columns` makes the figures of one that has metrics.
const comparisonTable = (one, matches, ofKind, columns) => {
  const heads = [{ text: "Pair" }, { text: "Verdict" }, { text: "Status" }, ...ofKind];
  const rows = one.comparisons.flatMap((comparison) => {
    const { metrics, verdict, status, expected, because } = comparison;
    const wrong = status === "unexpected";
    const dim = matches(comparison) ? "" : "dim";
    const figures = metrics.elements === undefined ? [make("td", { colspan: ofKind.length })] : columns(comparison);
    const said = [comparison.sentence, expected && `. Expected ${expected}`, because && `: ${because}`];
    return [
      make("tr", { class: dim }, make("th", { scope: "row" }, `${comparison.left} | ${comparison.right}`), make("td", {}, tag(verdict)),
        make("td", { class: wrong && "bad" }, wrong ? make("b", {}, status) : status), figures),
      make("tr", { class: `said ${dim}` }, make("td", { colspan: heads.length }, make("p", { class: "sentence" }, said))),
    ];
  });
  return [make("h4", {}, "Comparisons"), table("Comparisons", heads, rows)];
};

const lossComparisons = (one, matches) => [...comparisonTable(one, matches, [
  { text: "Distance", hint: "of the two gradients, relative to the longer one", number: true },
  { text: "Cosine", hint: "between the whole gradients", number: true },
  { text: "Factor", hint: "which, times the left gradient, comes closest to the right one", number: true },
  { text: "Largest", hint: "largest absolute difference, of losses and gradients", number: true },
  { text: "Needed / allowed", hint: "units of round-off that would pass, and that are allowed", number: true },
  { text: "Differing", hint: "share of the elements", number: true },
  ...LOSSES.map((name) => ({ text: `${capital(name)} losses`, hint: "absolute difference", number: true })),
], ({ metrics, allowed }) => [
  number(figure(metrics.relative_distance)), number(figure(metrics.cosine, 6)), number(figure(metrics.scale, 6)),
  number(figure(metrics.max_absolute)), number(`${figure(metrics.roundoff_to_pass)} / ${figure(allowed)}`),
  number(percent(metrics.differing_share)), LOSSES.map((name) => number(figure(metrics.loss_difference[name]))),
]), ...byWeight(one)];

const byWeight = (one) => {
  const differing = one.comparisons.filter(({ metrics, verdict }) => metrics.by_weight && verdict !== "EQUAL");
  if (!differing.length) return [];
  const names = [...new Set(differing.flatMap(({ metrics }) => Object.keys(metrics.by_weight)))].sort();
  const heads = [{ text: "Pair" }, ...names.map((name) => ({ text: name, hint: "relative distance of the gradients, and their cosine", number: true }))];
  const rows = differing.map(({ left, right, metrics }) => make("tr", {}, make("th", { scope: "row" }, `${left} | ${right}`),
    names.map((name) => {
      const weight = metrics.by_weight[name];
      return number(weight ? [figure(weight.relative_distance, 3), make("br"), make("small", {}, figure(weight.cosine, 6))] : "-");
    })));
  return [make("h4", {}, "Gradients by weight: distance, and cosine"), table("Gradients by weight", heads, rows)];
};

const trainingComparisons = (one, matches) => [...comparisonTable(one, matches, [
  { text: "Times the twin / allowed", hint: "largest distance of the weights over that of the noise twin", number: true },
  { text: "At step", hint: "where it is the largest multiple", number: true },
  { text: "Distance at the end", hint: "of the weights, relative to their length", number: true },
  { text: "Largest", hint: "distance at any recorded step", number: true },
  { text: "Weights differing", hint: "at the end, first seed", number: true },
  { text: "First difference", hint: "recorded step", number: true },
  { text: "Equal predictions", hint: "share, at the end, over all seeds", number: true },
  { text: "Not finite from step", hint: "left, right; first seed", number: true },
], ({ metrics, allowed }) => [
  number(`${figure(metrics.times_twin)} / ${figure(allowed)}`), number(figure(metrics.times_twin_step)),
  number(figure(metrics.final_distance)), number(figure(metrics.max_distance)),
  number(`${figure(metrics.differing)} of ${figure(metrics.elements)}`), number(figure(metrics.first_difference)),
  agreement(metrics),
  number(metrics.left_nonfinite === null && metrics.right_nonfinite === null ? "-"
    : `${figure(metrics.left_nonfinite)}, ${figure(metrics.right_nonfinite)}`),
]), ...overSeeds(one, matches)];

const agreement = (metrics) => {
  const steps = Object.entries(metrics.agreement_by_step ?? {});
  const cell = number(percent(metrics.agreement));
  if (steps.length > 2) {
    cell.title = "first seed, by step";
    cell.append(make("br"), make("small", {}, steps.map(([step, share]) => `${step}: ${percent(share)}`).join(", ")));
  }
  return cell;
};

const ANSWERS = { equivalent: "v-EQUAL", different: "v-DIVERGED", undecided: "v-UNSUPPORTED" };

const points = (value) => `${value < 0 ? "" : "+"}${value.toFixed(2)}`;

const overSeeds = (one, matches) => {
  const rows = one.comparisons.flatMap((comparison) => comparison.tests.map(([name, test], place) =>
    make("tr", { class: matches(comparison) ? "" : "dim" },
      place ? make("td") : make("th", { scope: "row" }, `${comparison.left} | ${comparison.right}`),
      make("td", {}, name), make("td", {}, make("span", { class: `tag ${ANSWERS[test.answer] ?? ""}` }, test.answer)),
      number(points(test.difference)), number(`${points(test.interval[0])} to ${points(test.interval[1])}`), number(`${figure(test.margin)}`),
      number(figure(test.seeds)), number(test.answer === "undecided" ? figure(test.seeds_to_decide) : ""))));
  if (!rows.length) return [];
  const heads = [{ text: "Pair" }, { text: "Accuracy" }, { text: "Answer" },
    { text: "Difference", hint: "right less left, mean over the seeds, in percentage points", number: true },
    { text: "90 % interval", hint: "of the difference", number: true },
    { text: "Margin", hint: "percentage points that do not matter", number: true }, { text: "Seeds", number: true },
    { text: "Seeds to decide", hint: "if mean and spread stay what they are; - if no number would", number: true }];
  return [make("h4", {}, "Equivalence over the seeds"), table("Equivalence over the seeds", heads, rows)];
};

const curves = (one) => {
  if (!one.curves) return one.undrawn ? [make("p", { class: "hint" }, `Curves: ${one.undrawn}`)] : [];
  const image = make("img", { class: "curves", alt: one.curves.words, decoding: "async",
    src: `data:image/svg+xml,${encodeURIComponent(one.curves.svg)}` });
  return [make("h4", {}, "Curves"), make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Curves" }, image)];
};

const apart = (one) => one.apart.map((text) => make("p", { class: "apart" }, text, "."));
