package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// figures are those of one network, as they are kept.
type figures struct {
	Network string     `json:"network"`
	Batch   int        `json:"batch"`
	Params  int64      `json:"params"` // of each peer
	Peers   []string   `json:"peers"`  // with their versions, ours first
	Steps   []steps    `json:"steps"`
	Machine string     `json:"machine"`
	Date    string     `json:"date"`
	Load    [2]float64 `json:"load"` // average of the last minute, before and after
}

// steps are the milliseconds of one step by peer and round.
type steps struct {
	Kind string      `json:"kind"` // train or infer
	Wall [][]float64 `json:"wall_ms"`
	CPU  [][]float64 `json:"cpu_ms"`
}

const folder = "figures"

func (f *figures) keep(dir string) error {
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	text = inner.ReplaceAllFunc(text, func(list []byte) []byte { return spaces.ReplaceAll(list, []byte(" ")) })
	if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, folder, f.Network+".json"), append(text, '\n'), 0o644)
}

// A list of numbers is a line.
var inner, spaces = regexp.MustCompile(`\[[-0-9.,\s]+\]`), regexp.MustCompile(`\s+`)

const head = `| network | step | ours, ms | JAX: wall | cpu | PyTorch: wall | cpu | compiled: wall | cpu |
|---|---|---|---|---|---|---|---|---|
`

// rows are the table's lines of a network.
func (f *figures) rows() string {
	var b strings.Builder
	for _, s := range f.Steps {
		name := map[string]string{"train": "training", "infer": "inference"}[s.Kind]
		fmt.Fprintf(&b, "| %s | %s | %.3g |", f.Network, name, quantile(s.Wall[0], 0.5))
		for _, column := range []string{"JAX", "PyTorch", "compiled"} {
			k := slices.IndexFunc(f.Peers, func(p string) bool { return column == columnOf(p) })
			if k < 0 {
				b.WriteString(" | |")
				continue
			}
			fmt.Fprintf(&b, " %s | %s |", ratio(s.Wall[0], s.Wall[k]), ratio(s.CPU[0], s.CPU[k]))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// columnOf is the column of a peer.
func columnOf(peer string) string {
	if strings.HasSuffix(peer, " compiled") {
		return "compiled"
	}
	first, _, _ := strings.Cut(peer, " ")
	return first
}

// ratio is the median of a over b, round by round, with the quartiles.
func ratio(a, b []float64) string {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", quantile(r, 0.5), quantile(r, 0.25), quantile(r, 0.75))
}

// marks are the lines in the README between which a command writes.
type marks struct{ begins, ends string }

var (
	tableMarks   = marks{"<!-- table: go run ./lemonade/cmd/peers -write -->\n", "<!-- end of the table -->"}
	profileMarks = marks{"<!-- profile: go run ./lemonade/cmd/peers -profile residual -write -->\n", "<!-- end of the profile -->"}
)

// rewriteTable makes the table of the README anew from all figures that are kept.
func rewriteTable(dir string) error {
	var all []*figures
	for _, name := range compared() {
		text, err := os.ReadFile(filepath.Join(dir, folder, name+".json"))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		var f figures
		if err := json.Unmarshal(text, &f); err != nil {
			return fmt.Errorf("%s: %w; remove it and take its figures anew", name, err)
		}
		all = append(all, &f)
	}
	return tableMarks.rewrite(dir, table(all))
}

// rewrite puts the text between the marks in the README.
func (m marks) rewrite(dir, text string) error {
	path := filepath.Join(dir, "README.md")
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(page), m.begins)
	_, after, ok2 := strings.Cut(rest, m.ends)
	if !ok || !ok2 {
		return fmt.Errorf("%s: the lines %q and %q are not there", path, strings.TrimSpace(m.begins), m.ends)
	}
	return os.WriteFile(path, []byte(before+m.begins+text+m.ends+after), 0o644)
}

// table is Markdown of all figures, with what they were taken on.
func table(all []*figures) string {
	var b strings.Builder
	b.WriteString(head)
	for _, f := range all {
		b.WriteString(f.rows())
	}
	b.WriteString("\n| network | parameters | batch | rounds | load before, after | day |\n|---|---|---|---|---|---|\n")
	var on []string
	for _, f := range all {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %.1f, %.1f | %s |\n", f.Network, f.Params, f.Batch, len(f.Steps[0].Wall[0]), f.Load[0], f.Load[1], f.Date)
		if text := f.Machine + ". " + strings.Join(f.Peers, ", ") + "."; !slices.Contains(on, text) {
			on = append(on, text)
		}
	}
	b.WriteString("\n" + strings.Join(on, "\n\n") + "\n")
	return b.String()
}

// machine names the processor and its cores.
func machine() string {
	name := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := model.FindSubmatch(text); m != nil {
			name = string(m[1])
		}
	}
	return fmt.Sprintf("%s, %d cores", name, runtime.NumCPU())
}

var model = regexp.MustCompile(`(?m)^model name\s*:\s*(.+?)\s*$`)

// load is the load average of the last minute, -1 where it is unknown.
func load() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return -1
	}
	first, _, _ := strings.Cut(string(text), " ")
	value, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return -1
	}
	return value
}
