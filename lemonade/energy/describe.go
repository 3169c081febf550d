package energy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Describe says in lines for a person which meter is used, and why each of the
// others is not.
func Describe(options ...Option) []string {
	m := newMachine(options)
	asked, who := m.asked()
	var lines, used []string
	if meter, err := Open(options...); err != nil {
		lines = append(lines, "no meter: "+err.Error())
	} else {
		used = strings.Split(meter.Method(), "+")
		by := ""
		if asked != "" {
			by = " (" + who + ")"
		}
		lines = append(lines, "meter "+meter.Method()+by+": "+meter.About().Note)
		_ = meter.Close() // nothing was read that could be wrong
	}
	for _, method := range []string{trial.MethodNVML, trial.MethodNVMLPower, trial.MethodRAPL, trial.MethodEstimate} {
		if !slices.Contains(used, method) {
			lines = append(lines, method+": "+m.unused(method, used != nil))
		}
	}
	return lines
}

// unused says why a method is not used, where another is or none.
func (m machine) unused(method string, another bool) string {
	meter, err := m.open(method)
	if err != nil {
		return err.Error()
	}
	_ = meter.Close()
	asked, who := m.asked()
	switch {
	case asked != "":
		return "is there, but " + who + " asks for another"
	case another:
		return "is not needed, since the processor's energy is counted"
	}
	return fmt.Sprintf("is there, and LEMONADE_METER=%s would take it", method)
}
