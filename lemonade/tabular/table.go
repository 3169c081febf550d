package tabular

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Options say where a table is and which of its columns count.
type Options struct {
	Files    []string // CSV, plain or compressed with gzip, joined on the architecture
	Arch     []string // headers that the column of architectures may have, the first that a file has counts; default [DefaultArch]
	Accuracy string   // header of the accuracies: per cent, or fractions where none is above 1
	Cost     string   // header of the costs; less is better
}

// DefaultArch is how published files call their column of architectures.
var DefaultArch = []string{"arch", "architecture"}

// Table is a table of measured architectures.
type Table struct {
	Accuracy, Cost string       // headers of the columns
	Rows           []Row        // each architecture once, in the order of the file that has the accuracies
	Metric         trial.Metric // what the cost is to a search, by its column's name
	Notes          []string     // what was left out, in words

	factor float64 // from the cost's unit to the metric's
	index  map[string]int
	engine string
}

// Row is one architecture.
type Row struct {
	Architecture string
	Accuracy     float64 // per cent
	Cost         float64 // in the column's unit
}

// Open reads a table. An architecture that lacks one of the two values, or is in one
// file alone, is left out.
func Open(o Options) (*Table, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if len(o.Arch) == 0 {
		o.Arch = DefaultArch
	}
	var sheets []sheet
	for _, file := range o.Files {
		s, err := readFile(file, o)
		if err != nil {
			return nil, err
		}
		sheets = append(sheets, s)
	}
	return join(sheets, o)
}

func (o Options) validate() error {
	var faults []error
	if len(o.Files) == 0 {
		faults = append(faults, errors.New("table: no file is named"))
	}
	if o.Accuracy == "" {
		faults = append(faults, errors.New("accuracy: no column is named"))
	}
	switch o.Cost {
	case "":
		faults = append(faults, errors.New("cost: no column is named"))
	case o.Accuracy:
		faults = append(faults, fmt.Errorf("cost: %s is the column of the accuracies: name another", o.Cost))
	}
	return errors.Join(faults...)
}

func readFile(file string, o Options) (_ sheet, err error) {
	f, err := os.Open(file)
	if err != nil {
		return sheet{}, fmt.Errorf("table: %w", err)
	}
	defer f.Close()
	return readSheet(file, f, o.Arch, []string{o.Accuracy, o.Cost})
}

// join makes one table of the files.
func join(sheets []sheet, o Options) (*Table, error) {
	a, err := holder(sheets, o.Accuracy, "accuracy")
	if err != nil {
		return nil, err
	}
	c, err := holder(sheets, o.Cost, "cost")
	if err != nil {
		return nil, err
	}
	for _, s := range sheets {
		if len(s.columns) == 0 {
			return nil, fmt.Errorf("%s: it has neither a column %s nor %s: leave the file out, or name one of %s", s.file, o.Accuracy, o.Cost, strings.Join(s.headers, ", "))
		}
	}
	scale, err := perCent(a, o.Accuracy)
	if err != nil {
		return nil, err
	}
	t := &Table{Accuracy: o.Accuracy, Cost: o.Cost, index: map[string]int{}}
	t.Metric, t.factor = metricOf(o.Cost)
	if scale != 1 {
		t.Notes = append(t.Notes, fmt.Sprintf("%s: the accuracies are taken for fractions, as none is above 1", o.Accuracy))
	}
	digest := sha256.New()
	for _, architecture := range a.order {
		accuracy, ok := a.columns[o.Accuracy][architecture]
		cost, also := c.columns[o.Cost][architecture]
		if !ok || !also {
			continue
		}
		t.index[architecture] = len(t.Rows)
		t.Rows = append(t.Rows, Row{architecture, scale * accuracy.value, cost.value})
		fmt.Fprintln(digest, architecture, accuracy.value, cost.value)
	}
	if err := t.validate(a, c); err != nil {
		return nil, err
	}
	t.engine = fmt.Sprintf("table %s %s %x", o.Accuracy, o.Cost, digest.Sum(nil)[:6])
	for _, s := range []sheet{a, c} {
		if left := len(s.order) - len(t.Rows); left > 0 && !strings.Contains(strings.Join(t.Notes, "\n"), s.file+":") {
			t.Notes = append(t.Notes, fmt.Sprintf("%s: %d of its %d architectures are left out, as they lack %s or %s", s.file, left, len(s.order), o.Accuracy, o.Cost))
		}
	}
	return t, nil
}

// holder is the one file that has the column.
func holder(sheets []sheet, name, option string) (sheet, error) {
	var found []sheet
	var files, headers []string
	for _, s := range sheets {
		if _, ok := s.columns[name]; ok {
			found, files = append(found, s), append(files, s.file)
		}
		headers = append(headers, s.headers...)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		hint := ""
		if near := objective.Nearest(name, headers); near != "" {
			hint = fmt.Sprintf("did you mean %s? ", near)
		}
		return sheet{}, fmt.Errorf("%s: no file has a column %q; %sthe columns are %s", option, name, hint, strings.Join(headers, ", "))
	}
	return sheet{}, fmt.Errorf("%s: the column %s is in %s: leave all but one of these files out, or rename the others' column", option, name, strings.Join(files, " and "))
}

// perCent is the factor by which the accuracies become per cent.
func perCent(s sheet, name string) (float64, error) {
	most := 0.0
	for _, architecture := range s.order {
		c := s.columns[name][architecture]
		if c.value > 100 {
			return 0, fmt.Errorf("%s:%d: column %s: the accuracy of %s is %v, which is above 100 %%: name a column of accuracies in per cent, or in fractions", s.file, c.line, name, architecture, c.value)
		}
		most = max(most, c.value)
	}
	if most <= 1 {
		return 100, nil
	}
	return 1, nil
}

// validate refuses a table in which there is nothing to search.
func (t *Table) validate(a, c sheet) error {
	if len(t.Rows) == 0 {
		return fmt.Errorf("table: no architecture has both %s (of %s) and %s (of %s): name files that belong together", t.Accuracy, a.file, t.Cost, c.file)
	}
	worst := t.Worst()
	if worst.Cost == 0 {
		return fmt.Errorf("%s: column %s: every cost is 0: name a column that tells architectures apart", c.file, t.Cost)
	}
	if worst.Accuracy == 100 {
		return fmt.Errorf("%s: column %s: every accuracy is 100 %%: name a column that tells architectures apart", a.file, t.Accuracy)
	}
	return nil
}

// Worst is the least accuracy and the largest cost in the table.
func (t *Table) Worst() Row {
	w := Row{Accuracy: 100}
	for _, r := range t.Rows {
		w.Accuracy, w.Cost = min(w.Accuracy, r.Accuracy), max(w.Cost, r.Cost)
	}
	return w
}

// Find returns the row of an architecture, if the table has it.
func (t *Table) Find(architecture string) (Row, bool) {
	i, ok := t.index[architecture]
	if !ok {
		return Row{}, false
	}
	return t.Rows[i], true
}

// Metrics are the row's values as a search takes them.
func (t *Table) Metrics(r Row) trial.Metrics {
	info, _ := t.Metric.Info()
	return trial.Metrics{
		trial.Accuracy: {Value: r.Accuracy / 100, Method: trial.MethodTable},
		t.Metric:       {Value: r.Cost * t.factor, Unit: info.Unit, Method: trial.MethodTable},
	}
}
