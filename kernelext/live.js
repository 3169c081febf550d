// Puts the live chart in the place of its still picture once ECharts is there.
// One registry per page joins charts and library, in whichever order they come.
((id, option) => {
  const page = (window.lemonadeCharts ||= { waiting: [] });
  const draw = () => {
    const box = document.getElementById(id);
    if (!box || box.dataset.live) return;
    box.dataset.live = "yes";
    box.replaceChildren();
    const chart = page.echarts.init(box, null, { width: box.clientWidth || 860, height: box.clientHeight || 480 });
    option.tooltip.formatter = (p) => p.value[2] || "";
    option.tooltip.confine = true;
    option.tooltip.extraCssText = "max-height:440px;overflow:auto;box-shadow:0 1px 6px #0004";
    chart.setOption(option);
    new ResizeObserver(() => box.clientWidth && chart.resize({ width: box.clientWidth, height: box.clientHeight })).observe(box);
  };
  if (page.echarts) draw();
  else page.waiting.push(draw);
})
