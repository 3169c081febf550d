// Unpacks ECharts into a scope of its own: no global name, no clash with a module loader.
((packed) => {
  const page = (window.lemonadeCharts ||= { waiting: [] });
  if (page.loading) return;
  page.loading = true;
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const text = new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  text.then((source) => {
    const module = { exports: {} };
    new Function("module", "exports", source)(module, module.exports);
    page.echarts = module.exports;
    page.waiting.splice(0).forEach((draw) => draw());
  });
})
