package trial

import (
	"iter"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// Metric names a quantity. The names are the same in Go, JSON, prompts and charts.
//
// A metric of a board that is described in package device carries the board's
// name, such as "latency@raspberry-pi-5": it is predicted from the network alone.
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
	LatencyP99       Metric = "latency_p99"       // ms, batch 1
	Throughput       Metric = "throughput"        // samples/s
	Params           Metric = "params"            // trainable values
	MACs             Metric = "macs"              // multiply-accumulates per sample
	ModelSize        Metric = "model_size"        // bytes at float32
	ActivationMemory Metric = "activation_memory" // bytes, static, inference at batch 1
	PeakMemory       Metric = "peak_memory"       // bytes, of the worker process
	DeviceMemory     Metric = "device_memory"     // bytes on the accelerator; absent where the host is the device
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
	{LatencyP99, "ms", false, false, "99th percentile of the time to classify one sample alone"},
	{Throughput, "samples/s", true, false, "samples classified per second in batches"},
	{Params, "", false, true, "trainable parameters"},
	{MACs, "", false, true, "multiply-accumulates to classify one sample"},
	{ModelSize, "B", false, true, "bytes of the parameters at float32"},
	{ActivationMemory, "B", false, true, "peak bytes of the activations for one sample"},
	{PeakMemory, "B", false, false, "peak resident memory of the worker process"},
	{DeviceMemory, "B", false, false, "memory that the worker process holds on the accelerator"},
	{TrainingTime, "s", false, false, "time of the training"},
}

// On returns the metric as it is predicted for a board.
func (m Metric) On(board string) Metric { return m + Metric("@"+board) }

// Split takes a metric of a board apart; board is "" where it is not of one.
func (m Metric) Split() (base Metric, board string) {
	name, board, _ := strings.Cut(string(m), "@")
	return Metric(name), board
}

// Info returns the description of m, and whether there is such a metric. Of a
// board, latency and inference_energy are there; whether the board is known is
// not looked at.
func (m Metric) Info() (MetricInfo, bool) {
	if i, ok := infoAt[m]; ok {
		return MetricInfos[i], true
	}
	base, board := m.Split()
	if board == "" || base != Latency && base != InferenceEnergy {
		return MetricInfo{}, false
	}
	info := MetricInfos[infoAt[base]]
	info.Metric, info.Static, info.Doc = m, true, info.Doc+", predicted for "+board
	return info, true
}

// infoAt is the place of each metric in MetricInfos.
var infoAt = func() map[Metric]int {
	at := make(map[Metric]int, len(MetricInfos))
	for i, info := range MetricInfos {
		at[info.Metric] = i
	}
	return at
}()

// Ordered describes the given metrics in the order in which they are shown, each
// once: a board's metric follows the one that it is of.
func Ordered(metrics iter.Seq[Metric]) []MetricInfo {
	byBase := map[Metric][]Metric{}
	for m := range metrics {
		base, _ := m.Split()
		if !slices.Contains(byBase[base], m) {
			byBase[base] = append(byBase[base], m)
		}
	}
	var infos []MetricInfo
	for _, base := range MetricInfos {
		slices.Sort(byBase[base.Metric])
		for _, m := range byBase[base.Metric] {
			if info, ok := m.Info(); ok {
				infos = append(infos, info)
			}
		}
	}
	return infos
}

// Methods by which a value is obtained.
const (
	MethodStatic      = "static"       // computed from the network
	MethodTimed       = "timed"        // clock
	MethodCounted     = "counted"      // exact count over a split
	MethodNVML        = "nvml-counter" // the GPU's total-energy counter
	MethodNVMLPower   = "nvml-power"   // the GPU's power, sampled and integrated
	MethodRAPL        = "rapl"         // the CPU's energy counters
	MethodEstimate    = "estimate"     // CPU time × a share of the processor's power
	MethodProcess     = "process"      // the operating system's account of the process
	MethodCalculation = "calculation"  // derived from another value, such as CO2e from energy
	MethodPredicted   = "predicted"    // by a model of a board that is not at hand
	MethodTable       = "table"        // looked up in a published table of measurements
)

// Measured reports whether a method reads something that the machine itself
// counts: it holds no estimate and no prediction. A sum such as
// "nvml-counter+estimate" is not measured, since a part of it is not.
func Measured(method string) bool {
	for part := range strings.SplitSeq(method, "+") {
		if part == MethodEstimate || part == MethodPredicted {
			return false
		}
	}
	return method != ""
}

// Measurement is a value with its unit, the way it was obtained and its spread.
// Spread, Low, High and Idle are in the value's unit and absent where unknown.
type Measurement struct {
	Value   float64  `json:"value"`
	Unit    string   `json:"unit"`
	Method  string   `json:"method"`
	Spread  *float64 `json:"spread"`            // sample standard deviation over windows or stretches of runs, of a share its binomial standard error; null where there was only one
	Low     *float64 `json:"low,omitempty"`     // of the band that the method, being an estimate or a prediction, leaves open
	High    *float64 `json:"high,omitempty"`    // of that band
	Idle    *float64 `json:"idle,omitempty"`    // how much of the value the idle machine would have used in the same time
	Quality string   `json:"quality,omitempty"` // what weakens the value, such as a window shorter than the counter's step
	Note    string   `json:"note,omitempty"`    // such as the PUE, or the carbon intensity with year and source
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
