package energy

import (
	"errors"
	"fmt"
)

// Describe says in lines for a person which meter is used and why, what each of
// the others lacks, and how energy becomes carbon.
func Describe() []string { return describe() }

func describe(options ...Option) []string {
	var lines []string
	if meter, err := Open(options...); err != nil {
		lines = append(lines, "no meter: "+err.Error())
	} else {
		lines = append(lines, joinNotes("meter "+meter.Method(), noteOf(meter)))
	}
	m := newMachine(options)
	if _, err := m.openNVML(); err != nil {
		lines = append(lines, "nvml-counter: "+reason(err))
	}
	if _, err := newRAPL(m.sys); err != nil {
		lines = append(lines, "rapl: "+reason(err))
	}
	lines = append(lines, "carbon: "+Carbon(1).Note+"; LEMONADE_LOCATION sets the country")
	if pue, err := PUE(); err == nil {
		lines = append(lines, fmt.Sprintf("PUE %.2f; LEMONADE_PUE sets it", pue))
	}
	return lines
}

func reason(err error) string {
	if errors.Is(err, errAbsent) {
		return err.Error()
	}
	return "unusable: " + err.Error()
}
