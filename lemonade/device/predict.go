package device

import (
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// ErrMemory is what the error of [Board.Predict] wraps where a network does not
// fit into the board's memory.
var ErrMemory = errors.New("the network does not fit into the board's memory")

const (
	// stream is the share of the nominal memory bandwidth that one core gets. It is
	// ours: none of the measured networks is bound by memory.
	stream = 0.6

	// room is the share of the memory that a network may take; the rest is the
	// system's. It is ours.
	room = 0.75

	// familiar is the share of the predicted time that must be in operations which
	// the board was checked on, for its band to hold. It is ours.
	familiar = 0.9

	// margin widens the band that was found on networks of one family, at both ends,
	// for those of others. It is ours, around what TestOtherSize and TestMobileNet
	// find.
	margin = 1.25
)

// wide is the band, as multiples of the prediction, of what no measurement backs:
// a board that was not checked, or a network that is unlike those that the board was
// checked on. It is ours, around what TestTransfer finds: of the boards that were
// measured, 90 % of the latencies are 0.78 to 3.5 times those that the model of the
// Raspberry Pi 5 under LiteRT gives at their peak, the larger ones under the older
// runtime.
var wide = [2]float64{0.5, 4}

// Predict returns the latency of classifying one sample alone, in ms, and its
// energy in J where the board's power is known, under the names
// trial.Latency.On(b.Name) and trial.InferenceEnergy.On(b.Name). The band is that
// of 90 % of the networks that the board was checked on, widened by a quarter for
// networks of other widths and sizes. Where the board was not checked, or the network
// spends more than a tenth of the time in operations that it was not checked on, the
// band is from a half to four times the value and the quality says so.
//
// A network that does not fit into the board's memory gives an error that wraps
// [ErrMemory] and says what is needed.
func (b Board) Predict(n *arch.Network) (trial.Metrics, error) {
	// The weights are there twice, as read and as packed for the kernels.
	c := n.Costs()
	if need := 2*c.ModelBytes + c.ActivationMemory; float64(need) > room*float64(b.Memory) {
		return nil, fmt.Errorf("%s: %w: it needs %s for its weights, held twice, and its activations, and may take %s of %s; use fewer parameters or a smaller input",
			b.Name, ErrMemory, humanize.IBytes(uint64(need)), humanize.IBytes(uint64(room*float64(b.Memory))), humanize.IBytes(uint64(b.Memory)))
	}
	t := b.time(n)
	m := trial.Metrics{trial.Latency.On(b.Name): b.measurement(trial.Latency, "ms", 1e3*t.total(), t)}
	if b.Power > 0 {
		joules := b.Power*t.multiply + b.otherPower*t.rest
		m[trial.InferenceEnergy.On(b.Name)] = b.measurement(trial.InferenceEnergy, "J", joules, t)
	}
	return m, nil
}

// seconds is a predicted time.
type seconds struct {
	multiply float64 // in operations that multiply
	rest     float64 // in all others, overheads included
	strange  float64 // of both, in operations that were not checked or that wait for memory
}

func (s seconds) total() float64 { return s.multiply + s.rest }

// time is the roofline: each operation takes as long as its arithmetic at its
// kind's share of the peak, or as its bytes from memory if that is longer. The
// weights come from memory, the tensors only where they do not fit the cache.
func (b Board) time(n *arch.Network) seconds {
	var t seconds
	fused(n, b.activations, func(w work) {
		compute := w.ops / (b.Peak * 1e9 * b.share[w.kind])
		bytes := w.weights
		if w.tensors > float64(b.Cache) {
			bytes += w.tensors
		}
		took := max(compute, bytes/(b.Bandwidth*1e9*stream))
		if !w.checked || took > compute {
			t.strange += took
		}
		if w.kind.multiplies() {
			t.multiply += took
		} else {
			t.rest += took
		}
		t.rest += b.overhead * 1e-6
	})
	return t
}

// measurement is a predicted value with its band.
func (b Board) measurement(metric trial.Metric, unit string, v float64, t seconds) trial.Measurement {
	m := trial.Measurement{Value: v, Unit: unit, Method: trial.MethodPredicted, Note: b.note(metric)}
	band := wide
	c, ok := b.check(metric)
	switch {
	case !ok:
		m.Quality = "the board is unchecked: the band is wide"
	case t.strange > (1-familiar)*t.total():
		m.Quality = fmt.Sprintf("%.0f %% of the time is in operations or sizes that the board was not checked on: the band is wide", 100*t.strange/t.total())
	default:
		band = [2]float64{c.band[0] / margin, c.band[1] * margin}
	}
	low, high := v*band[0], v*band[1]
	m.Low, m.High = &low, &high
	return m
}
