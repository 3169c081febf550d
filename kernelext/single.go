package kernelext

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Chart displays one chart of a study: "tradeoff", "history", "hypervolume",
// "parallel", "effects" (of the commands), "curves" (of learning) or "timeline".
// [Show] has them all. Where there is no notebook it prints what the chart is about.
// It is an error where there is no such chart, or nothing to see on it yet.
func Chart(s Study, name string) error { return showChart(os.Stdout, ViewOf(s), name) }

func showChart(out io.Writer, v View, name string) error {
	var names []string
	for _, c := range v.plots() {
		if c.Name != name {
			names = append(names, c.Name)
			continue
		}
		key := newID()
		trials, err := v.trialsScript(key, c)
		if err != nil {
			return err
		}
		page, err := c.drawn(newID(), key)
		if err != nil {
			return err
		}
		display(out, printable(c.heading()+"\n"+c.Note+"\n"), libraryOnce()+trials+page)
		return nil
	}
	return fmt.Errorf("chart %q: study %s has none of that name with anything to see on it; it has %s", name, v.Name, strings.Join(names, ", "))
}
