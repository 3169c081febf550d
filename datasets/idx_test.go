package datasets

import (
	"bytes"
	"testing"
)

// FuzzIDX: whatever the bytes, the reader returns an error or exactly the samples.
func FuzzIDX(f *testing.F) {
	f.Add(idxOf(3, []int{2, 3}, 1), true)
	f.Add(idxOf(3, nil, 1), false)
	f.Add([]byte{0, 0, 8, 3, 255, 255, 255, 255}, true)
	f.Fuzz(func(t *testing.T, in []byte, images bool) {
		file := idxFile{samples: 5, classes: 10}
		if images {
			file.shape, file.classes = []int{2, 3}, 0
		}
		samples, seen := 0, 0
		err := file.scan(bytes.NewReader(in), func(n int) { samples = n }, func(i int, sample []byte) {
			if i != seen || len(sample) != file.size() || !bytes.Equal(sample, in[4+4*(1+len(file.shape))+i*file.size():][:file.size()]) {
				t.Fatalf("sample %d of %d bytes is not the one that was written", i, len(sample))
			}
			if file.classes > 0 && sample[0] >= 10 {
				t.Fatalf("label %d", sample[0])
			}
			seen++
		})
		if err == nil && (seen != samples || samples < 1 || samples > 5 || len(in) != 4+4*(1+len(file.shape))+samples*file.size()) {
			t.Fatalf("%d bytes were accepted as %d samples, %d were handed on", len(in), samples, seen)
		}
	})
}
