package tabular

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// sheet is what is wanted of one file.
type sheet struct {
	file    string
	headers []string
	columns map[string]column // by their headers
	order   []string          // the architectures as the file has them
}

// column is the values of one column. A value that is unknown is not among them.
type column map[string]cell

type cell struct {
	value float64
	line  int
}

// unknown are the ways to write that a value is not known, in small letters.
var unknown = []string{"", "na", "n/a", "nan", "null", "none", "-"}

// readSheet reads those of the columns that the file has. arch are the headers that
// its column of architectures may have, of which the first that is there counts.
func readSheet(file string, in io.Reader, arch, columns []string) (sheet, error) {
	s := sheet{file: file, columns: map[string]column{}}
	text, err := plain(in)
	if err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	r := csv.NewReader(text)
	if s.headers, err = r.Read(); err != nil {
		return s, fmt.Errorf("%s: it has no line of headers: %w", file, wrong(err))
	}
	for i, h := range s.headers {
		s.headers[i] = strings.TrimSpace(h)
	}
	key, err := s.architectures(arch)
	if err != nil {
		return s, err
	}
	places := map[string]int{}
	for _, name := range columns {
		switch n := count(s.headers, name); n {
		case 0:
		case 1:
			places[name], s.columns[name] = slices.Index(s.headers, name), column{}
		default:
			return s, fmt.Errorf("%s: %d columns are called %q: rename all but the one that counts", file, n, name)
		}
	}
	seen := map[string]bool{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", file, wrong(err))
		}
		line, _ := r.FieldPos(0)
		architecture := strings.TrimSpace(record[key])
		if _, err := Choices(architecture); err != nil {
			return s, fmt.Errorf("%s:%d: column %s: %w", file, line, s.headers[key], err)
		}
		if !seen[architecture] {
			seen[architecture] = true
			s.order = append(s.order, architecture)
		}
		for name, i := range places {
			if err := s.columns[name].add(architecture, record[i], line); err != nil {
				return s, fmt.Errorf("%s:%d: column %s: %w", file, line, name, err)
			}
		}
	}
	if len(s.order) == 0 {
		return s, fmt.Errorf("%s: it has no rows below the headers", file)
	}
	return s, nil
}

// architectures finds the column of the architecture strings.
func (s sheet) architectures(names []string) (int, error) {
	for _, name := range names {
		switch n := count(s.headers, name); n {
		case 0:
		case 1:
			return slices.Index(s.headers, name), nil
		default:
			return 0, fmt.Errorf("%s: %d columns are called %q: rename all but the one that has the architectures", s.file, n, name)
		}
	}
	return 0, fmt.Errorf("%s: no column is called %s: name the one that has the architectures, of %s", s.file, strings.Join(names, " or "), strings.Join(s.headers, ", "))
}

func count(headers []string, name string) (n int) {
	for _, h := range headers {
		if h == name {
			n++
		}
	}
	return n
}

// add takes a field in. The same value may stand twice.
func (c column) add(architecture, field string, line int) error {
	field = strings.TrimSpace(field)
	if slices.Contains(unknown, strings.ToLower(field)) {
		return nil
	}
	v, err := strconv.ParseFloat(field, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return fmt.Errorf("%q is not a number: mend it, or leave the field empty where the value is unknown", field)
	}
	if v < 0 {
		return fmt.Errorf("%s is negative: neither an accuracy nor a cost can be", field)
	}
	if before, ok := c[architecture]; ok && before.value != v {
		return fmt.Errorf("%s is %v here and %v on line %d: keep one of the two rows", architecture, v, before.value, before.line)
	} else if ok {
		return nil
	}
	c[architecture] = cell{v, line}
	return nil
}

// plain is the text of a file, unpacked where it is compressed, without the mark
// that some programs begin a text with.
func plain(in io.Reader) (io.Reader, error) {
	r := bufio.NewReader(in)
	head, err := r.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		unpacked, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("it begins as gzip and is not: %w", err)
		}
		r = bufio.NewReader(unpacked)
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return nil, errors.New("it is compressed with xz: unpack it with xz -dk")
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, errors.New("it is UTF-16: save it as UTF-8")
	}
	if head, _ := r.Peek(3); bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, err = r.Discard(3)
		return r, err
	}
	return r, nil
}

// wrong adds the mend to what the reader of CSV says.
func wrong(err error) error {
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		return fmt.Errorf("%w: every line needs as many fields as the first; put a field that holds a comma in quotes", err)
	case errors.Is(err, csv.ErrQuote), errors.Is(err, csv.ErrBareQuote):
		return fmt.Errorf("%w: a quote within quotes is written twice", err)
	}
	return err
}
