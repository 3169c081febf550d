package engine

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
)

// The safetensors format (huggingface.co/docs/safetensors): the length of the
// header as a little-endian uint64, the header in JSON, then the tensors' raw
// little-endian bytes, to which the header's offsets refer.

// tensorEntry describes one tensor in the header.
type tensorEntry struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// maxHeader bounds what is read before anything is known of a file.
const maxHeader = 100 << 20

// write saves the weights to a temporary file and renames it.
func (w *weightSet) write(path string) (err error) {
	header := map[string]tensorEntry{}
	var body []byte
	for _, weight := range w.list {
		values, err := weight.read()
		if err != nil {
			return err
		}
		start := int64(len(body))
		for _, v := range values {
			body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
		}
		header[weight.name] = tensorEntry{"F32", append([]int{}, weight.Shape...), [2]int64{start, int64(len(body))}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("write weights: %w", err)
	}
	for len(text)%8 != 0 { // the format aligns the tensors
		text = append(text, ' ')
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("write weights: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
			err = fmt.Errorf("write weights: %w", err)
		}
	}()
	for _, part := range [][]byte{binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text, body} {
		if _, err := file.Write(part); err != nil {
			return err
		}
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// read copies a weight from the device.
func (w weight) read() (values []float32, err error) {
	err = guard("read weight "+w.name, func() error {
		value, err := w.variable.Value()
		if err != nil {
			return err
		}
		values, err = tensors.CopyFlatData[float32](value)
		return err
	})
	return values, err
}

// read sets every weight from a file that has exactly these weights.
func (w *weightSet) read(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read weights: %w", err)
	}
	header, body, err := splitSafetensors(data)
	if err != nil {
		return fmt.Errorf("read weights %s: %w", path, err)
	}
	if len(header) != len(w.list) {
		return fmt.Errorf("read weights %s: the file has %d tensors, the network %d; it belongs to another network", path, len(header), len(w.list))
	}
	for _, weight := range w.list {
		entry, ok := header[weight.name]
		if !ok {
			return fmt.Errorf("read weights %s: tensor %s is missing; the file belongs to another network", path, weight.name)
		}
		if entry.DType != "F32" || !slices.Equal(entry.Shape, []int(weight.Shape)) {
			return fmt.Errorf("read weights %s: tensor %s is %s %v, the network's is F32 %v", path, weight.name, entry.DType, entry.Shape, weight.Shape)
		}
		size := 4 * weight.Shape.Size()
		start, end := entry.Offsets[0], entry.Offsets[1]
		if start < 0 || end > int64(len(body)) || end-start != size {
			return fmt.Errorf("read weights %s: tensor %s has offsets %v for %d bytes", path, weight.name, entry.Offsets, size)
		}
		if err := weight.set(body[start:end]); err != nil {
			return err
		}
	}
	return nil
}

// set gives a weight its value from little-endian float32.
func (w weight) set(raw []byte) error {
	values := make([]float32, len(raw)/4)
	for k := range values {
		values[k] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*k:]))
	}
	return guard("set weight "+w.name, func() error {
		return w.variable.SetValue(tensors.FromFlatDataAndDimensions(values, w.Shape...))
	})
}

// splitSafetensors reads the header; entries that are no tensors are dropped.
func splitSafetensors(data []byte) (map[string]tensorEntry, []byte, error) {
	if len(data) < 8 {
		return nil, nil, fmt.Errorf("%d bytes are no safetensors file", len(data))
	}
	length := binary.LittleEndian.Uint64(data)
	if length > maxHeader || length > uint64(len(data)-8) {
		return nil, nil, fmt.Errorf("a header of %d bytes does not fit in a file of %d", length, len(data))
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data[8:8+length], &raw); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	header := make(map[string]tensorEntry, len(raw))
	for name, value := range raw {
		if name == "__metadata__" {
			continue
		}
		var entry tensorEntry
		if err := json.Unmarshal(value, &entry); err != nil {
			return nil, nil, fmt.Errorf("header of %s: %w", name, err)
		}
		header[name] = entry
	}
	return header, data[8+length:], nil
}
