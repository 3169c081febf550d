package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// benched is what mode bench tells of a network.
type benched struct {
	Network   string   `json:"network"`
	Params    int64    `json:"params"`
	MACs      int64    `json:"macs"`
	Batch     int      `json:"batch"`
	Precision string   `json:"precision"`
	Device    string   `json:"device"`
	Engine    string   `json:"engine"`
	Date      string   `json:"date"`
	Compile   float64  `json:"compile_s"` // upload and first steps included
	Training  stepTime `json:"training"`
	Inference stepTime `json:"inference"`
}

// stepTime is the time of one step or batch.
type stepTime struct {
	Steps  int     `json:"steps"`
	Median float64 `json:"median_ms"`
	Low    float64 `json:"q1_ms"`
	High   float64 `json:"q3_ms"`
	Rate   float64 `json:"samples_per_s"`
	Host   float64 `json:"cpu_ms"` // processor time of this process per step

	// Busy is the share of the time that the device computes: NVML's utilisation of
	// a GPU, the processor time over all cores of a CPU. It is nil where unknown.
	Busy *float64 `json:"busy"`
}

// writeBenched prints a table of two rows a network, aligned or as Markdown. All
// networks ran on the same device.
func writeBenched(out io.Writer, list []benched, markdown bool) error {
	first := list[0]
	if _, err := fmt.Fprintf(out, "%s, %s, %s, %s.\n\n", first.Device, first.Engine, first.Precision, first.Date); err != nil {
		return err
	}
	rows := [][]string{{"network", "parameters", "batch", "step", "ms", "quartiles", "samples/s", "host CPU, ms", "busy"}}
	for _, r := range list {
		for _, step := range []struct {
			name string
			stepTime
		}{{"training", r.Training}, {"inference", r.Inference}} {
			busy := "unknown"
			if step.Busy != nil {
				busy = fmt.Sprintf("%.0f %%", 100*(*step.Busy))
			}
			rows = append(rows, []string{
				r.Network, grouped(r.Params), strconv.Itoa(r.Batch), step.name, fmt.Sprintf("%.3g", step.Median),
				fmt.Sprintf("%.3g–%.3g", step.Low, step.High), grouped(int64(step.Rate)), fmt.Sprintf("%.3g", step.Host), busy,
			})
		}
	}
	if markdown {
		for i, row := range rows {
			line := "| " + strings.Join(row, " | ") + " |\n"
			if i == 0 {
				line += strings.Repeat("|---", len(row)) + "|\n"
			}
			if _, err := io.WriteString(out, line); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")+"\t"); err != nil {
			return err
		}
	}
	return w.Flush()
}

// grouped writes a number with commas.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
