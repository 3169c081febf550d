package device

import (
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// MobileNet v1 (https://arxiv.org/abs/1704.04861) with a width of 1.
const mobileNetV1 = `
def unit(x, filters, kernel, stride = 1):
    return relu(batch_norm(conv(x, filters, kernel = kernel, stride = stride, bias = False)))

def network(x, classes):
    x = unit(x, 32, 3, 2)
    for filters, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + 5 * [(512, 1)] + [(1024, 2), (1024, 1)]:
        x = relu(batch_norm(depthwise_conv(x, kernel = 3, stride = stride, bias = False)))
        x = unit(x, filters, 1)
    return dense(global_avg_pool(x), classes)
`

// MobileNet v2 (https://arxiv.org/abs/1801.04381) with a width of 1.
const mobileNetV2 = `
def block(x, expand, filters, stride):
    y = x
    if expand > 1:
        y = relu(batch_norm(conv(y, expand * x.shape[-1], kernel = 1, bias = False)))
    y = relu(batch_norm(depthwise_conv(y, kernel = 3, stride = stride, bias = False)))
    y = batch_norm(conv(y, filters, kernel = 1, bias = False))
    return y + x if stride == 1 and filters == x.shape[-1] else y

def network(x, classes):
    x = relu(batch_norm(conv(x, 32, kernel = 3, stride = 2, bias = False)))
    for expand, filters, count, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(count):
            x = block(x, expand, filters, stride if i == 0 else 1)
    x = relu(batch_norm(conv(x, 1280, kernel = 1, bias = False)))
    return dense(global_avg_pool(x), classes)
`

// TestMobileNet compares the unchecked kinds of operations and the transfer to
// another processor with what XNNPACK, the kernels of LiteRT, publishes for images of
// 224×224 (https://github.com/google/XNNPACK, README, 2020): one thread on a Pixel 3a,
// whose big cores are Cortex-A75 at 2.0 GHz, and four threads on a Raspberry Pi 4
// with a 64-bit system. One thread takes at least as long as four, and at most four
// times that.
func TestMobileNet(t *testing.T) {
	pixel3a := Board{Peak: 8 * 2.0, Bandwidth: 14.9, Cache: 1 << 20, model: onPi5}
	pi4, err := Lookup("raspberry-pi-4-litert")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, source string
		macs, params float64 // millions, as the papers have them
		pixel3a, pi4 float64 // ms
	}{
		{"v1", mobileNetV1, 569, 4.2, 88, 77},
		{"v2", mobileNetV2, 300, 3.4, 55, 46},
	} {
		p, err := arch.Parse(test.source, arch.Shape{224, 224, 3}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		c := p.Network.Costs()
		if m, n := float64(c.MACs)/1e6, float64(c.Params)/1e6; m < 0.99*test.macs || m > 1.01*test.macs || n < 0.95*test.params || n > 1.05*test.params {
			t.Errorf("%s: %.0f million multiply-accumulates and %.2f million parameters, want %g and %g", test.name, m, n, test.macs, test.params)
		}
		ms := 1e3 * pixel3a.time(p.Network).total()
		t.Logf("%s on a Pixel 3a: %.0f ms, measured %.0f", test.name, ms, test.pixel3a)
		if ms < 0.75*test.pixel3a || ms > 1.25*test.pixel3a {
			t.Errorf("%s on a Pixel 3a: %.0f ms, measured %.0f: more than a quarter off", test.name, ms, test.pixel3a)
		}
		ms = 1e3 * pi4.time(p.Network).total()
		t.Logf("%s on a Raspberry Pi 4: %.0f ms, measured with four threads %.0f", test.name, ms, test.pi4)
		if ms < test.pi4 || ms > 4*test.pi4 {
			t.Errorf("%s on a Raspberry Pi 4: %.0f ms, but %.0f with four threads", test.name, ms, test.pi4)
		}
	}
}

// TestOtherSize predicts a network for images of 88×88 with one channel: cell 0 of
// NAS-Bench-201 for the DarcyFlow task, as the example of HW-NAS-Bench-360 shows its
// measurements (api_showcase.ipynb, 2026).
func TestOtherSize(t *testing.T) {
	cell, err := parseCell("|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|")
	if err != nil {
		t.Fatal(err)
	}
	p, err := arch.Parse(nasbench201(cell, false), arch.Shape{88, 88, 1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Lookup("raspberry-pi-5")
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.Predict(p.Network)
	if err != nil {
		t.Fatal(err)
	}
	for metric, measured := range map[trial.Metric]float64{trial.Latency: 11.607917, trial.InferenceEnergy: 0.020345979} {
		got := m[metric.On(b.Name)]
		t.Logf("%s: %.4g %s (%.4g to %.4g), measured %.4g", metric, got.Value, got.Unit, *got.Low, *got.High, measured)
		if got.Quality != "" || measured < *got.Low || measured > *got.High {
			t.Errorf("%s: %.4g %s (%.4g to %.4g), measured %.4g; %s", metric, got.Value, got.Unit, *got.Low, *got.High, measured, got.Quality)
		}
	}
}
