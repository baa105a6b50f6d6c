// The details of a case: in the page, or in a file beside it that is loaded when a reader asks for it.
const loaded = new Map();
const askedFor = new Map();

window.harnessDetails = (first, found) => found.forEach((one, place) => loaded.set(first + place, one));

const loading = (file) => {
  if (!askedFor.has(file)) {
    askedFor.set(file, new Promise((resolve, reject) => {
      const script = make("script", { src: file });
      script.addEventListener("load", resolve);
      script.addEventListener("error", () => { askedFor.delete(file); script.remove(); reject(new Error(file)); });
      document.head.append(script);
    }));
  }
  return askedFor.get(file);
};

const withStored = (one, number) => {
  one.outcomes.forEach((outcome, place) => { outcome.stored = index.cases[number].stored[place] === "1"; });
  return one;
};

// Hands the details of a case over, at once where they are here already.
const withDetail = (number, use, missing) => {
  if (!index.files.length) { use(withStored(island(`case-${number}`), number)); return; }
  if (loaded.has(number)) { use(withStored(loaded.get(number), number)); return; }
  const file = index.files[Math.floor(number / index.together)];
  loading(file).then(() => use(withStored(loaded.get(number), number)), () => missing(file));
};
