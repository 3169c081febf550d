package device_test

import (
	"fmt"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/device"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// What a network will take on a Raspberry Pi 5.
func ExampleBoard_Predict() {
	p, err := arch.Parse(`
def network(x, classes):
    for filters in [32, 64, 128]:
        x = max_pool(relu(batch_norm(conv(x, filters, bias = False))), 2)
    return dense(global_avg_pool(x), classes)
`, arch.Shape{32, 32, 3}, 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	board, err := device.Lookup("raspberry-pi-5")
	if err != nil {
		fmt.Println(err)
		return
	}
	metrics, err := board.Predict(p.Network)
	if err != nil {
		fmt.Println(err)
		return
	}
	latency := metrics[trial.Latency.On(board.Name)]
	fmt.Printf("%.2f %s, %s, band %.2f to %.2f\n", latency.Value, latency.Unit, latency.Method, *latency.Low, *latency.High)
	fmt.Println(latency.Note)
	fmt.Printf("%.4f J\n", metrics[trial.InferenceEnergy.On(board.Name)].Value)
	// Output:
	// 0.64 ms, predicted, band 0.50 to 0.83
	// Raspberry Pi 5, LiteRT, one core: Spearman 0.998 and median error 1.2 % on 5912 networks of NAS-Bench-201 measured by https://github.com/roldebijvank/HW-NAS-Bench-360 (2026)
	// 0.0010 J
}

// A name that is not known gives the names that are.
func ExampleLookup() {
	_, err := device.Lookup("raspberry-pi5")
	fmt.Println(err)
	// Output:
	// board "raspberry-pi5" is not known; did you mean raspberry-pi-5? the boards are raspberry-pi-5, raspberry-pi-5-torchmobile, pixel-6a, raspberry-pi-4, raspberry-pi-4-litert, pixel-3
}
