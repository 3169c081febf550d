// What the charts need of ECharts; README.md says how to build it.
export { init, version } from "echarts/core.js";
import { use } from "echarts/core.js";
import { CustomChart, LineChart, ParallelChart, ScatterChart } from "echarts/charts.js";
import { GridComponent, LegendComponent, ParallelComponent, TitleComponent, TooltipComponent } from "echarts/components.js";
import { LabelLayout } from "echarts/features.js";
import { CanvasRenderer } from "echarts/renderers.js";
use([
  CustomChart, LineChart, ParallelChart, ScatterChart,
  GridComponent, LegendComponent, ParallelComponent, TitleComponent, TooltipComponent,
  LabelLayout, CanvasRenderer,
]);
