package main

import (
	"runtime"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/energy"
)

// busyness tells how busy a device is.
type busyness struct {
	meter  energy.Meter // of the GPUs; nil for a CPU
	shares []float64
	quit   chan struct{}
	ended  chan struct{}
}

const (
	busyPoll = 100 * time.Millisecond
	busyLag  = time.Second // NVML tells of up to so long ago
)

// begin watches until end.
func (b *busyness) begin() {
	if b.meter == nil {
		return
	}
	b.quit, b.ended = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(b.ended)
		began := time.Now()
		for {
			select {
			case <-b.quit:
				return
			case <-time.After(busyPoll):
			}
			if share, ok := energy.Utilization(b.meter); ok && time.Since(began) > busyLag {
				b.shares = append(b.shares, share)
			}
		}
	}()
}

// end returns the share of that time in which the device was busy, nil where that is
// unknown: a GPU's by NVML, a CPU's from the processor time.
func (b *busyness) end(wall, cpu float64) *float64 {
	share := cpu / wall / float64(runtime.NumCPU())
	if b.meter == nil {
		return &share
	}
	close(b.quit)
	<-b.ended
	if len(b.shares) == 0 {
		return nil
	}
	share = 0
	for _, s := range b.shares {
		share += s / float64(len(b.shares))
	}
	return &share
}
