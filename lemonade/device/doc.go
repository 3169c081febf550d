// Package device predicts what a network costs on an edge board that is not at
// hand: the latency of classifying one sample alone, and where the board's power is
// known its energy. The prediction needs no training, so that a study can ask for
// at most 20 ms on a Raspberry Pi 5 before it trains anything.
//
//	board, err := device.Lookup("raspberry-pi-5")
//	metrics, err := board.Predict(network)
//	latency := metrics[trial.Latency.On("raspberry-pi-5")] // in ms, with its band
//
// # Model
//
// A [Board] is one core of a processor with the runtime on it, in float32. The
// network is seen as the runtime runs it: batch normalisation folded into the
// convolution before it, activations fused where the runtime does so. Each operation
// takes as long as its arithmetic at a share of the core's peak, or as its bytes
// from memory where that is longer, and some runtimes need a time for each operation
// besides: a roofline (Williams, Waterman and Patterson 2009,
// https://doi.org/10.1145/1498765.1498785) with a roof for each kind of operation.
// The energy is the time in operations that multiply, and the time in all others,
// each at a power of its own.
//
// The few shares and powers of a board are fitted to 300 networks of NAS-Bench-201
// that were measured on it, and checked on all others of its distinct networks, but
// for those in which the runtime computes with constants. A board ships only if it
// beats what multiply-accumulates alone tell, both in the rank correlation and in the
// median error, although these are scaled by the constant that suits the checked
// networks best. Spearman's rank correlation and the median error:
//
//	board                      runtime                 metric           prediction      MACs alone
//	raspberry-pi-5             LiteRT                  latency          0.998   1.2 %   0.979   5.7 %
//	raspberry-pi-5             LiteRT                  inference_energy 0.987   2.6 %   0.972   7.6 %
//	raspberry-pi-5-torchmobile PyTorch Mobile          latency          0.999   0.5 %   0.685  22.4 %
//	raspberry-pi-5-torchmobile PyTorch Mobile          inference_energy 0.969   4.2 %   0.865  19.7 %
//	pixel-6a                   LiteRT                  latency          0.992   1.9 %   0.986   3.6 %
//	raspberry-pi-4             TensorFlow Lite of 2020 latency          0.972   5.1 %   0.946   8.4 %
//	raspberry-pi-4-litert      LiteRT                  latency          unchecked
//	pixel-3                    TensorFlow Lite of 2020 latency          0.963   6.6 %   0.902  11.0 %
//
// A board without measurements takes the shares of the Raspberry Pi 5 to its own
// peak. That orders networks better than multiply-accumulates alone on all boards
// where it can be checked, but says less of the latency itself: such a board is
// marked unchecked, and its band is wide.
//
// # Limits
//
// The boards were checked on networks of convolutions, poolings and additions with 16
// to 64 channels on images of 32×32. The band of a prediction is what was found there,
// widened by a quarter for the networks of others. Where a network spends more than a
// tenth of its time in other operations, such as depthwise convolutions or attention,
// or waits for memory, the band is from a half to four times the value and the
// measurement's quality says so.
//
// One core is what was measured: more threads are faster. The energy of the Raspberry
// Pi 5 is what its power chip counts, the idle power included: a meter at the socket
// shows more.
package device
