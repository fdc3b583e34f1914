// Shows what is chosen: one score and subset in the plot, one sparsity of it in the leaderboard and below pictures.
const data = JSON.parse(document.getElementById("data").textContent);
const chosen = {score: 0, part: 0, level: data.first};

function element(tag, text = "", title = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (title) made.title = title;
  return made;
}

function cell(text, below, titles = ["", ""]) {
  const made = element("td", text, titles[0]);
  if (below) made.append(element("small", below, titles[1]));
  return made;
}

function offer(name, options, at, choose) {
  for (const label of document.querySelectorAll(`[data-choice=${name}]`)) {
    const select = label.querySelector("select");
    select.replaceChildren(...options.map((text, place) => new Option(text, place, false, place === at)));
    select.onchange = () => { choose(Number(select.value)); show(); };
    label.classList.toggle("only", options.length < 2);
  }
}

function offerAll() {
  const score = data.scores[chosen.score];
  const protocols = [...new Set(data.scores.map(one => one.protocol))];
  const of = data.scores.filter(one => one.protocol === score.protocol);
  const first = scores => {
    const subset = score.parts[chosen.part].subset;
    const same = scores.find(one => one.metric === score.metric) ?? scores[0];
    chosen.score = data.scores.indexOf(same);
    chosen.part = Math.max(0, same.parts.findIndex(one => one.subset === subset));
  };
  offer("protocol", protocols, protocols.indexOf(score.protocol),
    place => first(data.scores.filter(one => one.protocol === protocols[place])));
  offer("metric", of.map(one => one.metric), of.indexOf(score), place => {
    const subset = score.parts[chosen.part].subset;
    chosen.score = data.scores.indexOf(of[place]);
    chosen.part = Math.max(0, of[place].parts.findIndex(one => one.subset === subset));
  });
  offer("part", score.parts.map(one => one.subset), chosen.part, place => { chosen.part = place; });
  offer("level", data.levels.map(one => one.text), chosen.level, place => { chosen.level = place; });
}

function showPlot() {
  const view = views.get("kept");
  if (!view) return;
  const part = data.scores[chosen.score].parts[chosen.part];
  document.getElementById("heading").textContent = part.heading;
  const rows = part.boards.flatMap((board, level) => board.map(([method, mean, low, high, , , place]) => ({
    name: data.methods[method].name, percent: data.levels[level].percent, kept: data.costs[method][level].kept,
    mean, low, high, place,
  })));
  const [lowest, highest] = part.span;
  view.signal("lowest", lowest).signal("highest", highest)
    .signal("level", data.levels[chosen.level].percent).data("shown", rows).run();
}

function row([number, mean, low, , text, leads, , student], place) {
  const method = data.methods[number], cost = data.costs[number][chosen.level];
  const made = element("tr");
  const head = element("th");
  head.scope = "row";
  head.append(nameButton(method, () => pick(document.getElementById("kept"), method.name)));
  const tied = leads && place > 0 && low !== null;
  if (tied) head.append(" ", Object.assign(element("span", "≈", "cannot be told from the best"), {className: "tie"}));
  head.append(element("small", method.meaning));
  const [score, reach = ""] = text.split(/ (?=\[)/);
  const interval = student ? `95 % t interval of the mean: ${student}` : "";
  made.append(head, cell(score, reach, [interval, interval]), cell(cost.weights, cost.share),
    cell(cost.time, cost.steps, [cost.why_no_time, cost.why_no_steps]));
  return made;
}

function showBoard() {
  const board = data.scores[chosen.score].parts[chosen.part].boards[chosen.level];
  const compared = board.filter(([method]) => !data.methods[method].control);
  const controls = board.filter(([method]) => data.methods[method].control);
  const rows = [...compared, ...controls].map((one, place) => row(one, place));
  if (compared.length) rows[0].className = "best";
  if (controls.length) rows[compared.length].classList.add("controls-begin");
  document.querySelector(".leaderboard tbody").replaceChildren(...rows);
}

function showWorst() {
  const strip = document.querySelector("[data-strip=worst]");
  const worst = data.scores[chosen.score].worst[chosen.level];
  strip.hidden = !worst.length;
  strip.querySelector("tbody").replaceChildren(...worst.map(([method, text]) => {
    const made = element("tr");
    made.append(Object.assign(element("th", method), {scope: "row"}), element("td", text));
    return made;
  }));
}

function showGallery() {
  const wanted = data.levels[chosen.level].percent;
  for (const shelf of document.querySelectorAll(".shelf")) {
    const rows = [...shelf.querySelectorAll("[data-percent]")];
    const off = one => Math.abs(one.dataset.percent - wanted);
    const nearest = rows.reduce((best, one) => off(one) < off(best) ? one : best);
    for (const one of rows) one.hidden = one !== nearest;
  }
}

function show() {
  offerAll();
  showBoard();
  showWorst();
  showGallery();
  showPlot();
  for (const place of document.querySelectorAll("[data-shown=level]")) place.textContent = data.levels[chosen.level].text;
}

const enlarged = document.getElementById("enlarged");
for (const button of document.querySelectorAll(".picture")) {
  button.addEventListener("click", () => {
    const picture = button.querySelector("img"), large = enlarged.querySelector("img");
    large.src = picture.src;
    large.alt = picture.alt;
    large.style.setProperty("--ratio", picture.naturalWidth / picture.naturalHeight);
    enlarged.querySelector("p").textContent = button.getAttribute("aria-label").replace("enlarge: ", "");
    enlarged.showModal();
  });
}
enlarged?.addEventListener("click", event => { if (event.target === enlarged) enlarged.close(); });

afterDrawing.push(showPlot);
show();
