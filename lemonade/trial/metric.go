package trial

import "github.com/lemo-nade/lemonade/lemonade/arch"

// Metric names a quantity. The names are the same in Go, JSON, prompts and charts.
type Metric string

// The metrics.
const (
	Accuracy         Metric = "accuracy"          // fraction right on the validation split, 0..1
	TrainAccuracy    Metric = "train_accuracy"    // fraction right on the training samples
	TestAccuracy     Metric = "test_accuracy"     // fraction right on the test split; only in a final
	Loss             Metric = "loss"              // cross-entropy on the validation split, nats
	TrainingEnergy   Metric = "training_energy"   // kWh, PUE included
	InferenceEnergy  Metric = "inference_energy"  // J per sample
	InferencePower   Metric = "inference_power"   // W
	Latency          Metric = "latency"           // ms, batch 1, median
	LatencyP95       Metric = "latency_p95"       // ms, batch 1
	Throughput       Metric = "throughput"        // samples/s
	Params           Metric = "params"            // trainable values
	MACs             Metric = "macs"              // multiply-accumulates per sample
	ModelSize        Metric = "model_size"        // bytes at float32
	ActivationMemory Metric = "activation_memory" // bytes, static, inference at batch 1
	PeakMemory       Metric = "peak_memory"       // bytes, of the worker process
	CO2e             Metric = "co2e"              // g, of the training
	TrainingTime     Metric = "training_time"     // s
)

// MetricInfo describes a metric.
type MetricInfo struct {
	Metric Metric
	Unit   string // SI, "" for a fraction or a count
	Higher bool   // whether more is better
	Static bool   // known from the network alone, before training
	Doc    string
}

// MetricInfos lists every metric, in the order in which they are shown.
var MetricInfos = []MetricInfo{
	{Accuracy, "", true, false, "fraction of the validation samples that are classified right"},
	{TrainAccuracy, "", true, false, "fraction of the training samples that are classified right"},
	{TestAccuracy, "", true, false, "fraction of the test samples that are classified right; only in a final"},
	{Loss, "nats", false, false, "cross-entropy on the validation samples"},
	{InferenceEnergy, "J", false, false, "energy of classifying one sample"},
	{InferencePower, "W", false, false, "power while classifying"},
	{TrainingEnergy, "kWh", false, false, "energy of the training, power usage effectiveness included"},
	{CO2e, "g", false, false, "greenhouse gas of the training's energy"},
	{Latency, "ms", false, false, "median time to classify one sample alone"},
	{LatencyP95, "ms", false, false, "95th percentile of the time to classify one sample alone"},
	{Throughput, "samples/s", true, false, "samples classified per second in batches"},
	{Params, "", false, true, "trainable parameters"},
	{MACs, "", false, true, "multiply-accumulates to classify one sample"},
	{ModelSize, "B", false, true, "bytes of the parameters at float32"},
	{ActivationMemory, "B", false, true, "peak bytes of the activations for one sample"},
	{PeakMemory, "B", false, false, "peak resident memory of the worker process"},
	{TrainingTime, "s", false, false, "time of the training"},
}

// Info returns the description of m, and whether there is such a metric.
func (m Metric) Info() (MetricInfo, bool) {
	for _, info := range MetricInfos {
		if info.Metric == m {
			return info, true
		}
	}
	return MetricInfo{}, false
}

// Methods by which a value is obtained.
const (
	MethodStatic      = "static"       // computed from the network
	MethodTimed       = "timed"        // clock
	MethodCounted     = "counted"      // exact count over a split
	MethodNVML        = "nvml-counter" // the GPU's total-energy counter
	MethodRAPL        = "rapl"         // the CPU's energy counters
	MethodEstimate    = "estimate"     // CPU time × a share of the processor's power
	MethodProcess     = "process"      // the operating system's account of the process
	MethodCalculation = "calculation"  // derived from another value, such as CO2e from energy
)

// Measurement is a value with its unit, the way it was obtained and its spread.
type Measurement struct {
	Value  float64  `json:"value"`
	Unit   string   `json:"unit"`
	Method string   `json:"method"`
	Spread *float64 `json:"spread"`         // sample standard deviation over the windows or samples; null where there was only one
	Note   string   `json:"note,omitempty"` // such as the PUE, or the carbon intensity with year and source
}

// Metrics are the measurements of one trial. A metric that is unknown is absent, never 0.
type Metrics map[Metric]Measurement

// Static returns the measurements that follow from the network alone.
func Static(c arch.Costs) Metrics {
	return Metrics{
		Params:           {Value: float64(c.Params), Method: MethodStatic},
		MACs:             {Value: float64(c.MACs), Method: MethodStatic},
		ModelSize:        {Value: float64(c.ModelBytes), Unit: "B", Method: MethodStatic},
		ActivationMemory: {Value: float64(c.ActivationMemory), Unit: "B", Method: MethodStatic},
	}
}
