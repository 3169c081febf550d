// Unpacks ECharts into a scope of its own, with no global name and no clash with a
// module loader, and draws the charts of the page. One registry joins charts and
// library, in whichever order they come.
((packed) => {
  const page = (window.lemonadePage ||= { waiting: [] });
  if (page.loading) return;
  page.loading = true;

  const unpack = (text) =>
    new Response(
      new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream("gzip")),
    ).text();

  const charts = new Map(); // by the id of their box
  const trials = new Map(); // what there is to tell of each trial, by the key of its study

  // JupyterLab and its exports say which theme they have, VS Code does, and else the
  // browser's own preference holds.
  const preference = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => {
    const body = document.body;
    if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false";
    if (/vscode-(dark|light|high)/.test(body.className)) return !/vscode-(light|high-contrast-light)/.test(body.className);
    return preference.matches;
  };
  const night = NIGHT;
  const themed = (x, key) => {
    if (Array.isArray(x)) return x.map((y) => themed(y, key));
    if (x && typeof x === "object") return Object.fromEntries(Object.entries(x).map(([k, y]) => [k, themed(y, k)]));
    return (/color$/i.test(key) && night[x]) || x;
  };

  // A point's last value is what it tells: the number of a trial, or a text in HTML.
  const toldBy = (p) => p.data?.trial ?? (Array.isArray(p.value) ? p.value.at(-1) : undefined);

  // A bar from one moment to another in the row of its trial.
  const span = (_, api) => {
    const [x0, y] = api.coord([api.value(0), api.value(2)]);
    const [x1] = api.coord([api.value(1), api.value(2)]);
    const height = Math.min(api.size([0, 1])[1] * 0.7, 22);
    return {
      type: "rect",
      shape: { x: x0, y: y - height / 2, width: Math.max(x1 - x0, 1), height },
      style: { fill: api.visual("color") },
    };
  };

  // What a point tells stands beside it, wherever the window has room, and lets
  // clicks through.
  const beside = (box, [x, y], [width, height]) => {
    const at = box.getBoundingClientRect();
    const most = innerWidth - at.left - width - 8;
    const left = x + 16 <= most || x - 16 - width < -at.left ? Math.min(x + 16, most) : x - 16 - width;
    return [Math.max(left, -at.left), Math.max(Math.min(y - height / 2, innerHeight - at.top - height - 8), 8 - at.top)];
  };

  const save = (name, href) => Object.assign(document.createElement("a"), { download: name, href }).click();
  const button = (text, title, onclick) => {
    const b = document.createElement("button");
    Object.assign(b, { type: "button", textContent: text, title, onclick });
    b.style.cssText =
      "font:11px sans-serif;padding:1px 7px;margin-left:4px;border:1px solid #8888;border-radius:4px;background:transparent;color:inherit;cursor:pointer";
    return b;
  };

  // The trial's card goes below the chart, with its neighbours a click away.
  const tell = (spec, number) => {
    const all = trials.get(spec.key);
    const place = document.getElementById(spec.id + "-card");
    if (!all?.[number] || !place) return;
    const known = Object.keys(all)
      .map(Number)
      .filter((n) => n > 0 === number > 0) // baselines are among themselves, below 0
      .sort((a, b) => a - b);
    const at = known.indexOf(number);
    const bar = document.createElement("div");
    bar.style.cssText = "display:flex;justify-content:flex-end";
    const step = (n, text) => n !== undefined && bar.append(button(text, "", () => tell(spec, n)));
    const named = (n) => (n > 0 ? `trial ${n}` : "baseline");
    step(known[at - 1], `‹ ${named(known[at - 1])}`);
    step(known[at + 1], `${named(known[at + 1])} ›`);
    bar.append(button("×", "close", () => place.replaceChildren()));
    const card = document.createElement("div");
    card.innerHTML = all[number].card || all[number].tip; // every text in it was escaped where it was written
    const frame = document.createElement("div");
    frame.style.cssText = "border:1px solid #8888;border-radius:6px;padding:6px 12px;margin:4px 0 12px;max-width:1000px";
    frame.append(bar, card);
    place.replaceChildren(frame);
  };

  const setOption = (entry) => {
    const dark = isDark();
    const option = dark ? themed(entry.spec.option) : structuredClone(entry.spec.option);
    Object.assign(option.tooltip, {
      formatter: (p) => {
        const told = toldBy(p);
        return (typeof told === "number" ? trials.get(entry.spec.key)?.[told]?.tip : told) || "";
      },
      appendTo: document.body,
      position: (point, _, __, ___, size) => beside(entry.box, point, size.contentSize),
      backgroundColor: dark ? "#26282B" : "#fff",
      borderColor: dark ? "#555" : "#ccc",
      textStyle: { color: dark ? "#E6E6E6" : "#222222" },
      extraCssText: "max-height:440px;overflow:hidden;pointer-events:none;box-shadow:0 1px 6px #0004",
    });
    for (const s of option.series) if (s.type === "custom") s.renderItem = span;
    for (const a of option.yAxis ?? []) if (a.rows) a.axisLabel.formatter = (v) => a.rows[v - 1] ?? "";
    entry.box.style.color = dark ? "#E6E6E6" : "#222222";
    entry.box.style.background = dark ? night["#FFFFFF"] : "#fff";
    entry.chart.setOption(option, { replaceMerge: ["series"] });
  };

  const draw = (id, tries = 0) => {
    const entry = charts.get(id);
    const { spec } = entry;
    const box = document.getElementById(id);
    if (!box && !entry.chart) {
      if (tries < 40) setTimeout(() => draw(id, tries + 1), 250); // the output that holds it comes later
      return;
    }
    const held = (spec.holder && document.getElementById(spec.holder)) || box;
    entry.still = held?.querySelector("img")?.src || entry.still;
    if (box && box !== entry.box) {
      entry.chart?.dispose();
      entry.watch?.disconnect();
      const canvas = document.createElement("div");
      canvas.style.cssText = "width:100%;height:100%";
      const tools = document.createElement("div");
      tools.style.cssText = "position:absolute;right:8px;top:6px;z-index:1";
      tools.append(
        button("SVG", "save the chart as SVG", () => save(spec.name + ".svg", entry.still)),
        button("PNG", "save the chart as PNG", () =>
          save(spec.name + ".png", entry.chart.getDataURL({ pixelRatio: 2, backgroundColor: entry.box.style.background }))),
      );
      box.replaceChildren(canvas, tools);
      box.style.height = spec.height + "px";
      entry.box = box;
      entry.chart = page.echarts.init(canvas, null, { width: box.clientWidth || spec.width, height: spec.height });
      entry.chart.on("click", (p) => typeof toldBy(p) === "number" && tell(entry.spec, toldBy(p)));
      entry.watch = new ResizeObserver(() => box.clientWidth && entry.chart.resize({ width: box.clientWidth, height: spec.height }));
      entry.watch.observe(box);
    }
    setOption(entry);
    if (spec.holder) held?.replaceChildren(); // the still picture, now that the chart is there
  };

  const show = (spec) => {
    if (spec.trials) unpack(spec.trials).then((text) => trials.set(spec.key, JSON.parse(text)));
    if (!spec.option) return;
    if (!charts.has(spec.id)) charts.set(spec.id, {});
    charts.get(spec.id).spec = spec;
    draw(spec.id);
  };

  let wasDark = isDark();
  const restyle = () => {
    if (isDark() === wasDark) return;
    wasDark = isDark();
    charts.forEach((entry) => entry.chart && setOption(entry));
  };
  preference.addEventListener("change", restyle);
  new MutationObserver(restyle).observe(document.body, { attributeFilter: ["data-jp-theme-light", "class"] });

  unpack(packed).then((source) => {
    const module = { exports: {} };
    new Function("module", "exports", source)(module, module.exports);
    page.echarts = module.exports;
    page.show = show;
    page.waiting.splice(0).forEach(show);
  });
})
