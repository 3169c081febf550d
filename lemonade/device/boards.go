package device

import "github.com/lemo-nade/lemonade/lemonade/trial"

// Where the measurements are from, and how they were made.
const (
	// One thread on one core, batch 1, networks for 100 classes, median of 40 runs.
	// The energy is that of all rails of the Pi's power chip, the idle power
	// included, the losses before the chip not.
	bench360 = "https://github.com/roldebijvank/HW-NAS-Bench-360 (2026)"

	// Batch 1, networks for 10 classes, TensorFlow Lite of the time.
	hwnas = "HW-NAS-Bench, https://arxiv.org/abs/2103.10584 (2021)"
)

// Where the boards' figures are from. The peak is the clock times the float32
// operations per cycle: 16 of a Cortex-A76, 8 of a Cortex-A57, which is taken for
// its successors A72 and A75 too.
const (
	perCycle = "https://en.wikichip.org/wiki/flops (2021)"
	bcm2712  = "https://www.raspberrypi.com/documentation/computers/processors.html#bcm2712 (2025)"
	bcm2711  = "https://www.raspberrypi.com/documentation/computers/processors.html#bcm2711 (2022)"
	tensor   = "https://realmicentral.com/2021/11/04/an-in-depth-analysis-reveals-all-the-secrets-of-google-tensor (2021)"
	pixel6a  = "https://wccftech.com/pixel-6a-ram-chip-gpu-details-leaked/ (2022)"
	sd845    = "https://labs.anandtech.com/Show/Index/12114 (2017)"
)

const gib = 1 << 30

// onPi5 is LiteRT on the Raspberry Pi 5.
var onPi5 = model{activations: true, share: shares(0.857, 0.716, 0.159, 0.083)}

// shares of the peak. No measured network has convolutions in groups: their share
// is ours, a quarter of what other convolutions reach; TestMobileNet compares what
// follows with published latencies.
func shares(spatial, pointwise, pooling, elementwise float64) [kinds]float64 {
	return [kinds]float64{spatial, pointwise, spatial / 4, pooling, elementwise}
}

// The shares, overheads and powers are printed by TestCalibration and the checks by
// TestCheck with -full; both compare them with what is here.
var boards = describe([]Board{
	{
		Name: "raspberry-pi-5", Title: "Raspberry Pi 5", Runtime: "LiteRT",
		Peak: 16 * 2.4, Bandwidth: 17, Cache: 2 << 20, Memory: 2 * gib,
		Power: 1.55, otherPower: 1.78,
		Sources: []string{bench360, bcm2712, perCycle},
		model:   onPi5,
		checks: []check{
			{trial.Latency, 5912, fit{0.998, 0.012}, fit{0.979, 0.057}, [2]float64{0.98, 1.04}},
			{trial.InferenceEnergy, 5912, fit{0.987, 0.026}, fit{0.972, 0.076}, [2]float64{0.94, 1.08}},
		},
	},
	{
		Name: "raspberry-pi-5-torchmobile", Title: "Raspberry Pi 5", Runtime: "PyTorch Mobile",
		Peak: 16 * 2.4, Bandwidth: 17, Cache: 2 << 20, Memory: 2 * gib,
		Power: 1.42, otherPower: 0.842,
		Sources: []string{bench360, bcm2712, perCycle},
		model:   model{share: shares(0.706, 0.3, 0.0135, 0.0354), overhead: 1.34},
		checks: []check{
			{trial.Latency, 6166, fit{0.999, 0.005}, fit{0.685, 0.224}, [2]float64{0.99, 1.01}},
			{trial.InferenceEnergy, 6166, fit{0.969, 0.042}, fit{0.865, 0.197}, [2]float64{0.91, 1.13}},
		},
	},
	{
		// The measurements asked for one thread on the four big cores: the latencies
		// are those of one of the two Cortex-A76.
		Name: "pixel-6a", Title: "Google Pixel 6a", Runtime: "LiteRT",
		Peak: 16 * 2.25, Bandwidth: 51.2, Cache: 4 << 20, Memory: 6 * gib,
		Sources: []string{bench360, tensor, pixel6a, perCycle},
		model:   model{activations: true, share: shares(0.85, 0.792, 0.266, 0.187)},
		checks: []check{
			{trial.Latency, 5912, fit{0.992, 0.019}, fit{0.986, 0.036}, [2]float64{0.97, 1.05}},
		},
	},
	{
		Name: "raspberry-pi-4", Title: "Raspberry Pi 4", Runtime: "TensorFlow Lite of 2020",
		Peak: 8 * 1.5, Bandwidth: 9.6, Cache: 1 << 20, Memory: 1 * gib,
		Sources: []string{hwnas, bcm2711, perCycle},
		model:   model{activations: true, share: shares(0.384, 0.289, 0.0388, 0.0265)},
		checks: []check{
			{trial.Latency, 5912, fit{0.972, 0.051}, fit{0.946, 0.084}, [2]float64{0.85, 1.25}},
		},
	},
	{
		// Unchecked: the model of the Raspberry Pi 5, taken to the peak of this one.
		Name: "raspberry-pi-4-litert", Title: "Raspberry Pi 4", Runtime: "LiteRT",
		Peak: 8 * 1.5, Bandwidth: 9.6, Cache: 1 << 20, Memory: 1 * gib,
		Sources: []string{bcm2711, perCycle},
		model:   onPi5,
	},
	{
		Name: "pixel-3", Title: "Google Pixel 3", Runtime: "TensorFlow Lite of 2020",
		Peak: 8 * 2.8, Bandwidth: 29.9, Cache: 2 << 20, Memory: 4 * gib,
		Sources: []string{hwnas, sd845, perCycle},
		model:   model{activations: true, share: shares(0.515, 0.51, 0.0348, 0.0537)},
		checks: []check{
			{trial.Latency, 5912, fit{0.963, 0.066}, fit{0.902, 0.11}, [2]float64{0.79, 1.22}},
		},
	},
})
