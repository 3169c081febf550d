package datasets

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// labelRow is a line of a CSV file of labels.
type labelRow struct {
	line               int
	file, label, split string
}

// columns are the names of the columns of a CSV file of labels.
type columns struct{ file, label, split string }

// mostLabels bounds the bytes of a CSV file of labels.
const mostLabels = 256 << 20

// readLabels reads a CSV file with a column of files, one of labels and, where there
// is one, one of splits. Commas, semicolons and tabs separate columns. Without the names
// in the first line the columns are in that order; isFile tells such a first line
// from names of another kind.
func readLabels(r io.Reader, names columns, isFile func(string) bool) ([]labelRow, error) {
	text := bufio.NewReaderSize(io.LimitReader(r, mostLabels+1), 1<<16)
	if mark, _ := text.Peek(3); bytes.Equal(mark, []byte("\ufeff")) {
		text.Discard(3) //nolint:errcheck // they were peeked
	}
	head, _ := text.Peek(1 << 12) // what is there, be it less
	first, _, _ := bytes.Cut(head, []byte("\n"))
	in := csv.NewReader(text)
	in.TrimLeadingSpace, in.FieldsPerRecord, in.ReuseRecord = true, -1, true
	for _, comma := range ",;\t" {
		if bytes.ContainsRune(first, comma) {
			in.Comma = comma
			break
		}
	}
	record, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("is empty")
	}
	if err != nil {
		return nil, err
	}
	at, named, err := names.places(record, isFile)
	if err != nil {
		return nil, err
	}
	var rows []labelRow
	for {
		if !named {
			line, _ := in.FieldPos(0)
			row := labelRow{line: line}
			for i, field := range []*string{&row.file, &row.label, &row.split} {
				if k := at[i]; k >= 0 && k < len(record) {
					*field = strings.TrimSpace(record[k])
				}
			}
			if !utf8.ValidString(row.file) || !utf8.ValidString(row.label) {
				return nil, fmt.Errorf("line %d is not UTF-8: save the file in that encoding", line)
			}
			if rows = append(rows, row); len(rows) > mostFiles {
				return nil, fmt.Errorf("has more than %d lines", mostFiles)
			}
		}
		named = false
		record, err = in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if in.InputOffset() > mostLabels {
		return nil, fmt.Errorf("has more than %d bytes", mostLabels)
	}
	if len(rows) == 0 {
		return nil, errors.New("names no file")
	}
	return rows, nil
}

// places finds the columns in the first line; named says that it has their names. A
// column that is not there is -1.
func (c columns) places(first []string, isFile func(string) bool) (at [3]int, named bool, err error) {
	lower := make([]string, len(first))
	for i, name := range first {
		lower[i] = strings.ToLower(strings.TrimSpace(name))
	}
	for i, name := range []string{c.file, c.label, c.split} {
		at[i] = slices.Index(lower, strings.ToLower(name))
	}
	if at[0] >= 0 && at[1] >= 0 {
		return at, true, nil
	}
	usual := c == columns{"file", "label", "split"}
	if usual && (len(first) == 2 || len(first) == 3) && isFile(strings.TrimSpace(first[0])) {
		if len(first) == 2 {
			return [3]int{0, 1, -1}, false, nil
		}
		return [3]int{0, 1, 2}, false, nil
	}
	missing := c.file
	if at[0] >= 0 {
		missing = c.label
	}
	return at, false, fmt.Errorf("has no column %q: its first line is %q; say which columns are meant with file=COLUMN and label=COLUMN", missing, clip(first))
}

// clip shortens a line for an error.
func clip(fields []string) []string {
	out := slices.Clone(fields[:min(len(fields), 12)])
	for i, s := range out {
		if len(s) > 40 {
			out[i] = strings.ToValidUTF8(s[:40], "") + "…"
		}
	}
	return out
}

// listLabels finds the pictures that a CSV file names.
func (f folder) listLabels() (*listing, error) {
	name := f.options.Labels
	sheet := name
	if !filepath.IsAbs(sheet) {
		sheet = filepath.Join(f.root, name)
	}
	file, err := os.Open(sheet)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("labels: there is no file %s: name it relative to the folder", sheet)
	}
	if err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	defer file.Close()
	o := f.options
	rows, err := readLabels(file, columns{o.File, o.Label, o.Split}, func(entry string) bool {
		_, _, err := f.locate(entry)
		return err == nil
	})
	if err != nil {
		return nil, fmt.Errorf("labels: %s %w", name, err)
	}
	l := &listing{}
	seen := map[string]labelRow{}
	for _, row := range rows {
		if err := f.addRow(l, row, seen); err != nil {
			l.faults.add(fmt.Sprintf("%s line %d: %s", name, row.line, row.file), err)
		}
	}
	if len(l.files) == 0 {
		return nil, fmt.Errorf("labels: no line of %s names a picture in %s; the first: %s", name, f.root, l.faults.text())
	}
	if classes := l.classes(); len(classes) < 2 {
		return nil, fmt.Errorf("labels: all %d pictures of %s are of one class, %q: two or more are needed", len(l.files), name, classes[0])
	}
	return l, nil
}

// addRow adds the picture of a line.
func (f folder) addRow(l *listing, row labelRow, seen map[string]labelRow) error {
	if row.label == "" {
		return errors.New("has no label")
	}
	p, ok := partNames[strings.ToLower(row.split)]
	if !ok && row.split != "" {
		return fmt.Errorf("the split %q is none of train, valid and test", row.split)
	}
	rel, info, err := f.locate(row.file)
	if err != nil {
		return err
	}
	if before, ok := seen[rel]; ok {
		if before.label != row.label || before.split != row.split {
			return fmt.Errorf("line %d says otherwise: %s %s", before.line, before.label, before.split)
		}
		return nil
	}
	seen[rel] = row
	l.tests = l.tests || p == partTest
	l.checks = l.checks || p == partValidation
	l.files = append(l.files, imageFile{
		path: filepath.Join(f.root, filepath.FromSlash(rel)), rel: rel, class: row.label, part: p,
		size: info.Size(), mtime: info.ModTime().UnixNano(),
	})
	return nil
}

// locate finds the file that an entry names, in the folder and nowhere else. An
// entry may have the slashes of another system, and lack the ending.
func (f folder) locate(entry string) (rel string, info fs.FileInfo, err error) {
	rel = path.Clean(strings.ReplaceAll(entry, `\`, "/"))
	if entry == "" {
		return "", nil, errors.New("names no file")
	}
	if !filepath.IsLocal(rel) {
		return "", nil, errors.New("lies outside the folder: name files relative to it")
	}
	for _, ending := range append([]string{""}, pictureFiles.readable...) {
		info, err := os.Stat(filepath.Join(f.root, filepath.FromSlash(rel+ending)))
		if err == nil && info.Mode().IsRegular() {
			return rel + ending, info, nil
		}
	}
	return "", nil, errors.New("there is no such file")
}
