// Draws the pictures of a case out of its one image.
const PICTURE_WIDTH = 48;

// One picture of a sheet in which all have the same size.
const tile = (sheet, picture, column, row, described, title) => {
  const scale = Math.max(1, Math.round(PICTURE_WIDTH / sheet.width));
  const canvas = make("canvas", { width: sheet.width, height: sheet.height, role: "img", "aria-label": described, title });
  canvas.style.width = `${sheet.width * scale}px`;
  canvas.style.height = `${sheet.height * scale}px`;
  picture.then((image) => canvas.getContext("2d").drawImage(
    image, column * sheet.width, row * sheet.height, sheet.width, sheet.height, 0, 0, sheet.width, sheet.height));
  return canvas;
};

const loadedImage = (source) => new Promise((resolve) => {
  const image = new Image();
  image.onload = () => resolve(image);
  image.src = source;
});

const tiles = (sheet, row, picture, described) =>
  make("div", { class: "tiles" }, sheet.examples.map((example, column) => {
    const title = `example ${example}, label ${sheet.labels[column]}`;
    return tile(sheet, picture, column, row, `${described}, ${title}`, title);
  }));

const scale = (low, high, grey) =>
  make("span", { class: grey ? "scale grey" : "scale", "data-low": figure(low), "data-high": figure(high) }, make("b"));

const pictures = (sheet) => {
  const picture = loadedImage(sheet.image);
  const rows = sheet.rows.map((row, place) => ({ ...row, place }));
  const strip = (row) => tiles(sheet, row.place, picture, `${row.kind} ${row.subjects.join(" less ")}`.trim());
  const moved = rows.find((row) => row.kind === "perturbation");
  const name = sheet.input === "x" ? "Pictures" : `Pictures of ${sheet.input}`;
  const examples = sheet.examples.map((example, column) => `${example} (label ${sheet.labels[column]})`).join(", ");
  const head = (...content) => make("span", { class: "head" }, ...content);

  const grid = make("div", { class: "pictures" },
    head(), head("Adversarial example", make("br"), scale(sheet.grey[0], sheet.grey[1], true)),
    head("Perturbation", make("br"), scale(-moved.largest, moved.largest)),
    make("span", {}, "input, unperturbed"), strip(rows[0]), make("span"));
  for (const row of rows.filter((one) => one.kind === "adversarial")) {
    const perturbation = rows.find((one) => one.kind === "perturbation" && one.subjects[0] === row.subjects[0]);
    grid.append(make("b", {}, row.subjects[0]), strip(row), strip(perturbation));
  }
  const parts = [
    make("h4", {}, name),
    make("p", { class: "hint" }, `Examples ${examples} of the batch: those on which the subjects differ most. `
      + "All subjects share one grey scale and one scale of perturbations; no perturbation is white, infinite and NaN are magenta."),
    make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": name }, grid),
  ];
  const differences = rows.filter((row) => row.kind === "difference");
  if (differences.length) {
    parts.push(make("h4", {}, "Differences between adversarial examples, each on a scale of its own"),
      make("div", { class: "differences" }, differences.map((row) => make("div", {},
        make("span", {}, make("b", {}, row.subjects[0]), " less ", make("b", {}, row.subjects[1])),
        row.largest ? scale(-row.largest, row.largest) : make("span", { class: "hint" }, "none in these examples"),
        strip(row)))));
  }
  return parts;
};

// One example after each step of a bridge, and what the steps have changed.
const film = (one, { left, right, film: { example, codes, strips } }) => strips.flatMap((place) => {
  const strip = one.strips[place];
  const picture = loadedImage(strip.image);
  const stages = [left, ...codes];
  const row = (name, which, words) => [make("span", { class: "head" }, name),
    ...stages.map((stage, column) => (which && !column ? make("span")
      : tile(strip, picture, column, which, `${words}, ${column ? `after ${stage}` : stage}, example ${example}`, column ? `after ${stage}` : stage)))];
  const grid = make("div", { class: "film" },
    make("span"), stages.map((stage, column) => make("span", { class: "head" }, column ? `+ ${stage}` : make("b", {}, stage))),
    row(["adversarial example", make("br"), scale(strip.grey[0], strip.grey[1], true)], 0, "adversarial example"),
    row([`less that of ${left}`, make("br"), strip.largest ? scale(-strip.largest, strip.largest) : "no difference"], 1, `less that of ${left}`));
  grid.style.gridTemplateColumns = `auto repeat(${stages.length}, auto)`;
  const name = `What each step does to example ${example}${strip.input === "x" ? "" : ` of ${strip.input}`}, on which ${left} and ${right} differ most`;
  return [make("h5", {}, name), make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": name }, grid)];
});
