// Draws the figures. One is laid out for a wide screen; here its panels go below one another, and widen or narrow,
// until it fits; and the names in its legend are buttons.
const views = new Map();
const afterDrawing = [];

function widen(view, width) {
  const parts = view.concat ?? view.vconcat;
  if (parts) parts.forEach(part => widen(part, width));
  else view.width = width;
}

function nameButton(style, press) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "name";
  button.setAttribute("aria-pressed", "false");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-2.5 -1.5 5 3");
  svg.setAttribute("aria-hidden", "true");
  const dash = style.dash[1] ? style.dash.map(pixels => pixels / 6).join(" ") : "none";
  svg.innerHTML = `<path d="M-2.5,0H2.5" stroke="${style.colour}" stroke-width=".3" stroke-dasharray="${dash}"/>`
    + `<path d="${style.symbol}" fill="${style.colour}"/>`;
  button.append(svg, style.name);
  button.addEventListener("click", press);
  return button;
}

function pick(section, name) {
  const view = views.get(section.id);
  const picked = view.signal("picked") === name ? null : name;
  view.signal("picked", picked).run();
  const buttons = section.id === "kept" ? document.querySelectorAll("#answer .name") : section.querySelectorAll(".name");
  for (const button of buttons) button.setAttribute("aria-pressed", button.textContent === picked);
}

function fillLegend(section, names) {
  const buttons = names.map(style => nameButton(style, () => pick(section, style.name)));
  section.querySelector(".legend").replaceChildren(...buttons);
}

async function draw(section) {
  const box = section.querySelector(".chart");
  const controls = section.querySelector(".controls");
  const spec = JSON.parse(section.querySelector("script").textContent);
  const room = section.clientWidth;
  const fit = (most, pixels) => Math.max(1, Math.min(most, Math.floor(room / pixels)));
  let columns = fit(Math.min(spec.columns, spec.concat.length), spec.usermeta.panel);
  while (spec.columns % columns) columns--;
  spec.columns = columns;
  spec.config.font = getComputedStyle(box).fontFamily;
  if (section.id !== "kept") fillLegend(section, spec.usermeta.names);
  let width = Math.floor(room / columns) - 80;
  const tooltip = {anchor: "mark", position: ["right", "left", "top"], offsetX: 12};
  for (let attempt = 0; attempt < 3; attempt++) {
    widen(spec, width);
    views.get(section.id)?.finalize();
    controls.replaceChildren();
    const options = {actions: false, renderer: "svg", bind: controls, tooltip};
    views.set(section.id, (await vegaEmbed(box, structuredClone(spec), options)).view);
    const svg = box.querySelector("svg");
    const spare = room - Number(svg.getAttribute("width"));
    if (spare >= 0 && spare < 8 * columns) break;
    width += Math.floor(spare / columns);
  }
}

async function drawAll() {
  for (const section of document.querySelectorAll("section.figure")) {
    await draw(section);
    if (section.id === "kept") afterDrawing.forEach(then => then());
  }
  document.documentElement.dataset.drawn = innerWidth;
}

let drawing, drawnWidth = innerWidth, waiting;
addEventListener("DOMContentLoaded", () => { drawing = drawAll(); });
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (innerWidth === drawnWidth || matchMedia("print").matches) return;
    drawnWidth = innerWidth;
    drawing = drawing.then(drawAll);
  }, 200);
});

document.addEventListener("play", event => {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
}, true);

let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach(details => { details.open = true; });
});
addEventListener("afterprint", () => opened.forEach(details => { details.open = false; }));
