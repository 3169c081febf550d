package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/engine"
	"github.com/lemo-nade/lemonade/lemonade/engine/plugin"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// openPlugin finds or installs the XLA plugin, and opens it and the energy meter
// once, so that a study learns before its first trial whether it can train here,
// and on what.
func openPlugin(ctx context.Context, dir, method string, out *wire) error {
	name, err := plugin.Ensure(ctx, dir, func(text string) { fmt.Fprintln(os.Stderr, text) })
	if err != nil {
		return out.send(trial.Envelope{Fatal: err.Error()})
	}
	e, err := engine.Open(name)
	if err != nil {
		return out.send(trial.Envelope{Fatal: err.Error()})
	}
	meter, err := openMeter(e.Device(), method)
	if err != nil {
		return out.send(trial.Envelope{Fatal: err.Error()})
	}
	defer func() { _ = meter.Close() }() // nothing is left to lose
	return out.send(trial.Envelope{Backend: &trial.Backend{
		Name: name, Device: e.Device(), Machine: engine.Machine(), Precision: precision(e.Device()), Meter: meter.Method(),
	}})
}

// openMeter opens the energy meter of a method, "" being the environment's or the
// best there is, for work on the device. On a CPU the machine's GPUs are not part of
// it.
func openMeter(device, method string) (energy.Meter, error) {
	options := []energy.Option{energy.Method(method)}
	if onCPU(device) {
		options = append(options, energy.CPUOnly())
	}
	return energy.Open(options...)
}

// precision is the one that the engine takes on the device where a job names none.
func precision(device string) string {
	if onCPU(device) {
		return engine.Float32
	}
	return engine.BFloat16
}

// onCPU tells by the name that XLA gives a device, such as "cpu:0".
func onCPU(device string) bool { return strings.Contains(strings.ToLower(device), "cpu") }
