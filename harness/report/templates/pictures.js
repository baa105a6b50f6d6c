// Draws the pictures of a case out of its one image.
const PICTURE_WIDTH = 48;

const tiles = (sheet, row, picture, described) => {
  const scale = Math.max(1, Math.round(PICTURE_WIDTH / sheet.width));
  return make("div", { class: "tiles" }, sheet.examples.map((example, column) => {
    const canvas = make("canvas", {
      width: sheet.width, height: sheet.height, role: "img",
      "aria-label": `${described}, example ${example}, label ${sheet.labels[column]}`,
      title: `example ${example}, label ${sheet.labels[column]}`,
    });
    canvas.style.width = `${sheet.width * scale}px`;
    canvas.style.height = `${sheet.height * scale}px`;
    picture.then((image) => canvas.getContext("2d").drawImage(
      image, column * sheet.width, row * sheet.height, sheet.width, sheet.height, 0, 0, sheet.width, sheet.height));
    return canvas;
  }));
};

const scale = (low, high, grey) =>
  make("span", { class: grey ? "scale grey" : "scale", "data-low": figure(low), "data-high": figure(high) }, make("b"));

const pictures = (sheet) => {
  const image = new Image();
  const picture = new Promise((resolve) => { image.onload = () => resolve(image); });
  image.src = sheet.image;
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
