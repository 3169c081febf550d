package datasets

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

var small = geometry{height: 2, width: 2, channels: 3, classes: 4, labels: 1}

func TestRead(t *testing.T) {
	record := []byte{3, 1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24}
	into := small.alloc(2)
	if err := small.read(bytes.NewReader(record), 1, into, 1); err != nil {
		t.Fatal(err)
	}
	want := []byte{1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24}
	if !slices.Equal(into.Images[12:], want) || into.Labels[1] != 3 {
		t.Errorf("got %v and label %d, want %v and 3", into.Images[12:], into.Labels[1], want)
	}
	for name, c := range map[string]struct {
		in   []byte
		want string
	}{
		"empty":     {nil, "ends after 0 bytes"},
		"truncated": {record[:12], "ends after 12 bytes"},
		"long":      {append(slices.Clone(record), 0), "goes on after 1 records"},
		"label":     {append([]byte{4}, record[1:]...), "label 4"},
	} {
		if err := small.read(bytes.NewReader(c.in), 1, small.alloc(1), 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// FuzzRead: whatever the bytes, the reader returns an error or exactly the
// records, and every byte of them can be found again.
func FuzzRead(f *testing.F) {
	f.Add([]byte{}, uint8(0), uint8(1))
	f.Add([]byte{1, 1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24}, uint8(1), uint8(1))
	f.Add([]byte{9, 1, 1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24}, uint8(1), uint8(2))
	f.Add(bytes.Repeat([]byte{9}, 26), uint8(2), uint8(1))
	f.Fuzz(func(t *testing.T, in []byte, n, labels uint8) {
		small := small
		small.labels = 1 + int(labels)%2
		count := int(n)
		into := small.alloc(count)
		if err := small.read(bytes.NewReader(in), count, into, 0); err != nil {
			return
		}
		if len(in) != count*small.record() {
			t.Fatalf("%d bytes were accepted as %d records", len(in), count)
		}
		for i := range count {
			record := in[i*small.record():][:small.record()]
			label := record[small.labels-1]
			if int32(label) != into.Labels[i] || int(label) >= small.classes {
				t.Fatalf("label %d became %d", label, into.Labels[i])
			}
			for c := range 3 {
				for p := range 4 {
					if record[small.labels+c*4+p] != into.Images[i*12+p*3+c] {
						t.Fatalf("image %d, channel %d, pixel %d differs", i, c, p)
					}
				}
			}
		}
	})
}
