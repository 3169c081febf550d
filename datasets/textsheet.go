package datasets

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a CSV file of texts.
const (
	mostSheet  = 4 << 30
	mostRecord = mostTextBytes + 1<<20 // bytes of a line, quoted breaks included
	sheetHead  = 64 << 10              // bytes by which the delimiter is guessed
)

// sheetReader reads a CSV file with a column of texts, one of labels and, where there
// is one, one of splits.
type sheetReader struct {
	columns []string // text, label and split: names or, from 1 on, places
	header  bool     // the first line has names, though the columns are given by their places
}

// read hands each line to each. What is wrong with a line that can be read is for
// each to say.
func (s sheetReader) read(file io.Reader, each func(line int, text, label, split string) error) error {
	bounded := &recordLimit{from: io.LimitReader(file, mostSheet+1)}
	text := bufio.NewReaderSize(bounded, sheetHead)
	bounded.left = mostRecord
	if mark, _ := text.Peek(2); bytes.Equal(mark, []byte("\xff\xfe")) || bytes.Equal(mark, []byte("\xfe\xff")) {
		return errors.New("is UTF-16: save it as UTF-8")
	}
	if mark, _ := text.Peek(3); bytes.Equal(mark, []byte("\ufeff")) {
		text.Discard(3) //nolint:errcheck // they were peeked
	}
	head, _ := text.Peek(sheetHead) // what is there, be it less
	in := csv.NewReader(text)
	in.Comma, in.FieldsPerRecord, in.ReuseRecord = delimiterOf(head), -1, true
	record, err := in.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("is empty")
	}
	if err != nil {
		return sheetFault(err)
	}
	at, named, err := s.places(record)
	if err != nil {
		return err
	}
	wide := len(record)
	for ; ; record, err = in.Read() {
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return sheetFault(err)
		}
		bounded.left = mostRecord
		if in.InputOffset() > mostSheet {
			return fmt.Errorf("has more than %d GB", mostSheet>>30)
		}
		if named {
			named = false
			continue
		}
		line, _ := in.FieldPos(0)
		var fields [3]string
		for i, k := range at {
			if k >= 0 && k < len(record) {
				fields[i] = record[k]
			}
		}
		if len(record) < wide && max(at[0], at[1]) >= len(record) {
			return fmt.Errorf("line %d has %d columns, and the first line %d: put texts with a %q or a line break in quotes", line, len(record), wide, in.Comma)
		}
		if !utf8.ValidString(fields[1]) || !utf8.ValidString(fields[2]) {
			return fmt.Errorf("line %d is not UTF-8: save the file in that encoding", line)
		}
		if err := each(line, fields[0], strings.TrimSpace(fields[1]), strings.TrimSpace(fields[2])); err != nil {
			return err
		}
	}
}

// sheetFault says in plain words why a line cannot be read.
func sheetFault(err error) error {
	var at *csv.ParseError
	if !errors.As(err, &at) {
		return err
	}
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		return fmt.Errorf("line %d, column %d: a quote in a field that does not begin with one: put the field in quotes, and write a quote in it twice", at.Line, at.Column)
	case errors.Is(err, csv.ErrQuote):
		return fmt.Errorf("line %d, column %d: a quote that is neither at the end of its field nor written twice (the field begins in line %d)", at.Line, at.Column, at.StartLine)
	}
	return err
}

// recordLimit ends a file in which a record has no end.
type recordLimit struct {
	from io.Reader
	left int // bytes that may come until the next record
}

func (r *recordLimit) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if r.left -= n; r.left < 0 {
		return 0, fmt.Errorf("has a line of more than %d MB: is a closing quote missing?", mostRecord>>20)
	}
	return n, err
}

// delimiterOf guesses what separates columns: the first of tab, semicolon and comma
// that gives all lines at the beginning of a file the same number of columns, two at
// least.
func delimiterOf(head []byte) rune {
	if cut := bytes.LastIndexByte(head, '\n'); cut >= 0 && len(head) == sheetHead {
		head = head[:cut]
	}
	for _, comma := range "\t;," {
		in := csv.NewReader(bytes.NewReader(head))
		in.Comma, in.ReuseRecord = comma, true
		lines, wide := 0, 0
		for {
			record, err := in.Read()
			if err != nil {
				if !errors.Is(err, io.EOF) && lines < 2 {
					wide = 0
				} else if errors.Is(err, csv.ErrFieldCount) {
					wide = 0
				}
				break
			}
			lines, wide = lines+1, len(record)
		}
		if wide > 1 {
			return comma
		}
	}
	return ','
}

// places finds the columns; named says that the first line has their names. A column
// of splits that is not there is -1.
func (s sheetReader) places(first []string) (at [3]int, named bool, err error) {
	names := make([]string, len(first))
	for i, name := range first {
		names[i] = strings.ToLower(strings.TrimSpace(name))
	}
	byPlace := 0
	for i, column := range s.columns {
		at[i] = slices.Index(names, strings.ToLower(column))
		if n, err := strconv.Atoi(column); at[i] < 0 && err == nil && n >= 1 {
			if byPlace++; n > len(first) {
				return at, false, fmt.Errorf("has no column %d: its first line has %d: %q", n, len(first), clip(first))
			}
			at[i] = n - 1
		}
	}
	for i, key := range []string{"text", "label", "split"} {
		if at[i] < 0 && (i < 2 || s.columns[i] != "split") {
			return at, false, fmt.Errorf("has no column %q: its first line is %q; say which column is meant with %s=COLUMN, by its name or, from 1 on, its place", s.columns[i], clip(first), key)
		}
	}
	if at[0] == at[1] {
		return at, false, fmt.Errorf("text and label are the same column, %q", s.columns[0])
	}
	return at, byPlace == 0 || s.header, nil
}
